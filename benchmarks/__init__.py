"""Speed and quality, side by side with PEFT, on real rows. They take minutes to hours: every row is written as it is done, a rerun goes on there."""

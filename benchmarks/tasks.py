"""What the public sets ask for: the prompt a person would write, the template, the label words. One entry a set; nothing here is tuned."""

from dataclasses import dataclass, field

from steering.errors import SpecError
from steering.spec import Kind, TaskSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One set. ``words``: label words where the file's own labels are not the word a person would answer with; ``demonstrations``: how many
    solved rows the few-shot contestant shows; ``answer``: the longest answer, in tokens."""

    prompt: str
    template: str
    kind: Kind = "classification"
    words: dict[str, str] = field(default_factory=dict)
    demonstrations: int = 8
    answer: int = 64

    def spec(self, labels: dict[str, str]) -> TaskSpec:
        """The task with a word for each label of the file."""
        return TaskSpec(
            kind=self.kind,
            template=self.template,
            prompt=self.prompt,
            label_words={label: self.words.get(label, word) for label, word in labels.items()},
            max_new_tokens=self.answer,
        )


TASKS: dict[str, Task] = {
    "sst2": Task(prompt="Classify the sentiment of the movie review as positive or negative.", template="Review: {text}\nSentiment:"),
    "subj": Task(
        prompt="Decide whether the sentence about a film is subjective (an opinion) or objective (a fact of the plot).",
        template="Sentence: {text}\nType:",
    ),
    "ag_news": Task(
        prompt="Classify the news article by its topic: world, sports, business or technology.",
        template="Article: {text}\nTopic:",
        words={"Sci/Tech": "technology"},
    ),
    "poem_sentiment": Task(
        prompt="Say whether the line of verse is positive, negative, mixed or neutral in sentiment.",
        template="Verse: {text}\nSentiment:",
        words={"no impact": "neutral"},
    ),
    "trec": Task(
        prompt="Say what the question asks for: an abbreviation, an entity, a description, a human, a location or a number.",
        template="Question: {text}\nAsks for:",
    ),
    "snips": Task(
        prompt="Classify the request to a voice assistant by its intent: add to playlist, book restaurant, get weather, play music, rate book, "
        "search creative work or search screening event.",
        template="Request: {text}\nIntent:",
    ),
    "banking77": Task(prompt="Say what the bank's customer wants.", template="Customer: {text}\nIntent:"),
    "chatbot_ko": Task(prompt="Classify the Korean message by its topic: everyday, breakup or love.", template="Message: {text}\nTopic:"),
    "snips_slots": Task(
        kind="generation",
        prompt="Write the intent and the slots of the request in the form: intent: NAME; slot: value; slot: value",
        template="Request: {input}\nSlots:",
        demonstrations=4,
    ),
    "wikisql": Task(
        kind="generation",
        prompt="Write the SQL query that answers the question on the table called data, which has the columns that are listed.",
        template="Question: {input}\nSQL:",
        demonstrations=4,
    ),
    "e2e_nlg": Task(
        kind="generation",
        prompt="Describe the restaurant in one or two plain sentences that say all the facts and nothing else.",
        template="Facts: {input}\nDescription:",
        demonstrations=4,
        answer=80,
    ),
    "scitldr": Task(
        kind="generation",
        prompt="Summarise the abstract of the paper in one sentence.",
        template="Abstract: {input}\nSummary:",
        demonstrations=4,
    ),
}


def task(name: str) -> Task:
    """The table's entry.

    Raises:
        SpecError: no such set.
    """
    if name not in TASKS:
        raise SpecError(f"the set {name!r} is not known.", f"Choose some of: {', '.join(TASKS)}.")
    return TASKS[name]

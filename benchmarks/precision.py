"""Names of precisions in rows."""

import torch

DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
PAIRS = {"bf16": ("bf16", "bf16"), "fp32": ("fp32", "fp32"), "defaults": ("bf16", "fp32")}
"""A row's dtype: ours, PEFT's. What each would run with if nobody said anything: ours what is fast here, PEFT's fp32."""

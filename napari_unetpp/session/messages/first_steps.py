"""The steps of a first visit in words: two lines each, also where the dock is 300 px wide."""

from __future__ import annotations

STEPS = {
    "open": "open an image.",
    "segment": "press Segment.",
    "slide": "move the depth slider: deeper is slower, and mostly better.",
    "correct": "press C and paint where the result is wrong.",
    "finetune": "press Fine-tune: a copy of the model learns what you painted.",
}
"""In their order."""

HIDE = "Hide", "hide"
"""The link behind each."""


def text(step: str) -> str:
    """A step with its number."""
    return f"Step {list(STEPS).index(step) + 1} of {len(STEPS)}: {STEPS[step]}"

"""The words of Synth's statements: several ways to say each operation, and the APPS layout around them.

`{s}` is what the integers are called, in the plural; `{k}` is a constant, always in digits so that it can be copied.
"""

from __future__ import annotations

from coderl_env.datasets.synth.draw import Draw
from coderl_env.datasets.synth.endings import Ending, Value
from coderl_env.datasets.synth.pipeline import Branch, Pipeline, Step

__all__ = ["ACTION_WORDS", "CONDITION_WORDS", "OPERATION_WORDS", "PREDICATE_WORDS", "REDUCTION_WORDS", "statement_text"]

NOUNS = ("numbers", "integers", "values", "scores", "readings", "temperatures", "balances", "points")

OPERATION_WORDS: dict[str, tuple[str, ...]] = {
    "even": ("keep only the even {s}", "remove all odd {s}", "discard every odd one"),
    "odd": ("keep only the odd {s}", "remove all even {s}", "discard every even one"),
    "multiples": (
        "keep only the multiples of {k}",
        "keep the {s} divisible by {k}",
        "remove all {s} that are not divisible by {k}",
        "discard whatever is not a multiple of {k}",
    ),
    "not_multiples": (
        "remove all multiples of {k}",
        "discard the {s} divisible by {k}",
        "keep only the {s} that are not divisible by {k}",
    ),
    "greater": (
        "keep only the {s} greater than {k}",
        "keep those above {k}",
        "remove all {s} that are {k} or less",
        "discard everything not greater than {k}",
    ),
    "at_least": (
        "keep only the {s} that are at least {k}",
        "keep those that are {k} or more",
        "remove all {s} less than {k}",
        "discard everything below {k}",
    ),
    "less": (
        "keep only the {s} less than {k}",
        "keep those below {k}",
        "remove all {s} that are {k} or more",
        "discard everything not less than {k}",
    ),
    "at_most": (
        "keep only the {s} that are at most {k}",
        "keep those that are {k} or less",
        "remove all {s} greater than {k}",
        "discard everything above {k}",
    ),
    "positive": ("keep only the positive {s}", "keep those greater than 0", "remove all {s} that are 0 or negative"),
    "negative": ("keep only the negative {s}", "keep those less than 0", "remove all {s} that are 0 or positive"),
    "near_zero": (
        "keep only the {s} whose absolute value is at most {k}",
        "remove all {s} whose absolute value is greater than {k}",
        "keep those from -{k} to {k} inclusive",
    ),
    "not_equal": ("remove all {s} equal to {k}", "discard every {k}", "keep only the {s} different from {k}"),
    "ends_in": (
        "keep only the {s} whose last digit is {k}",
        "keep those that end in the digit {k}",
        "remove all {s} that do not end in the digit {k}",
    ),
    "has_digit": (
        "keep only the {s} that contain the digit {k}",
        "remove all {s} without the digit {k}",
        "keep those written with a digit {k}",
    ),
    "add": ("add {k} to each", "increase every one by {k}", "raise each of the {s} by {k}"),
    "subtract": ("subtract {k} from each", "decrease every one by {k}", "lower each of the {s} by {k}"),
    "subtract_from": (
        "subtract each from {k}",
        "replace every x by {k} minus x",
        "replace each one by {k} minus its value",
    ),
    "multiply": ("multiply each by {k}", "replace every one by {k} times its value", "scale each of the {s} by {k}"),
    "negate": ("change the sign of each", "negate every one", "multiply each by -1"),
    "absolute": ("take the absolute value of each", "replace every one by its absolute value", "drop all minus signs"),
    "square": ("square each", "replace every one by its square", "multiply each by itself"),
    "remainder": (
        "replace each by its remainder modulo {k}, which is never negative",
        "take each modulo {k} (the remainder is never negative)",
        "reduce every one modulo {k}, with remainders that are never negative",
    ),
    "divide_down": (
        "divide each by {k}, rounding down",
        "divide every one by {k} and round down",
        "replace each by its quotient by {k}, rounded down",
    ),
    "divide_to_zero": (
        "divide each by {k}, rounding toward zero",
        "divide every one by {k} and cut off the fraction",
        "replace each by its quotient by {k}, rounded toward zero",
    ),
    "cap": (
        "replace everything greater than {k} by {k}",
        "lower all that are above {k} to {k}",
        "replace each by the smaller of itself and {k}",
    ),
    "lift": (
        "replace everything less than {k} by {k}",
        "raise all that are below {k} to {k}",
        "replace each by the larger of itself and {k}",
    ),
    "digit_sum": (
        "replace each by the sum of its digits (ignoring the sign)",
        "take the digit sum of each, without its sign",
        "sum the digits of every one, ignoring minus signs",
    ),
    "last_digit": (
        "replace each by its last digit (without sign)",
        "keep only the last digit of each, as a number that is not negative",
        "reduce every one to its last digit, ignoring the sign",
    ),
    "distance": (
        "replace each by its distance to {k}",
        "replace every x by the absolute difference of x and {k}",
        "compute how far each one is from {k}",
    ),
    "sort_up": (
        "sort them in ascending order",
        "sort the {s} from smallest to largest",
        "put the {s} in increasing order",
    ),
    "sort_down": (
        "sort them in descending order",
        "sort the {s} from largest to smallest",
        "put the {s} in decreasing order",
    ),
    "reverse": ("reverse the list", "reverse the order of the {s}", "turn the list around, last one first"),
    "dedupe": (
        "remove duplicates, keeping the first of each in order",
        "keep only the first occurrence of each value",
        "drop every one that already occurred earlier",
    ),
    "once": (
        "keep only the {s} that occur exactly once",
        "remove all {s} that occur more than once",
        "discard every value that is repeated, all its copies included",
    ),
    "first": (
        "keep only the first {k}",
        "cut the list after {k} elements",
        "take the first {k} (all if there are fewer)",
    ),
    "drop_first": ("remove the first {k}", "skip the first {k} elements", "discard the first {k} of the {s}"),
    "last": ("keep only the last {k}", "take the last {k} (all if there are fewer)", "remove all but the last {k}"),
    "drop_last": ("remove the last {k}", "cut {k} elements off the end", "discard the last {k} of the {s}"),
    "odd_places": (
        "keep only the 1st, 3rd, 5th and so on",
        "keep every other one, starting with the first",
        "remove the 2nd, 4th, 6th and so on",
    ),
    "even_places": (
        "keep only the 2nd, 4th, 6th and so on",
        "keep every other one, starting with the second",
        "remove the 1st, 3rd, 5th and so on",
    ),
    "move_front": (
        "move the first {k} to the end, keeping their order",
        "take {k} from the front and put them at the back in the same order",
    ),
    "differences": (
        "replace the list by the differences between neighbours (next minus current)",
        "from every one but the first, subtract the one just before it, and drop the first",
        "list each next one minus the current one",
    ),
    "pair_sums": (
        "replace the list by the sums of neighbours",
        "list the sum of every two adjacent {s}",
        "add to each one its right neighbour, dropping the last",
    ),
    "running_sum": (
        "replace each by the sum of all up to it, itself included",
        "compute the running sums",
        "turn the list into its prefix sums",
    ),
    "running_max": (
        "replace each by the largest up to it, itself included",
        "compute the running maximum",
        "turn the list into its prefix maxima",
    ),
    "rises": (
        "keep only the {s} greater than the one just before them (never the first)",
        "keep each one that is larger than its left neighbour, dropping the first",
        "drop the first and all that do not exceed their predecessor",
    ),
    "above_mean": (
        "keep only the {s} greater than the average",
        "remove all that are not above the mean",
        "keep those above the average of the list",
    ),
    "drop_max": (
        "remove every occurrence of the maximum",
        "remove all copies of the largest one",
        "discard the largest value wherever it occurs",
    ),
    "drop_min": (
        "remove every occurrence of the minimum",
        "remove all copies of the smallest one",
        "discard the smallest value wherever it occurs",
    ),
}

REDUCTION_WORDS: dict[str, tuple[str, ...]] = {
    "sum": ("the sum", "the total", "the sum of the {s}"),
    "count": ("how many there are", "the number of elements", "the length of the list"),
    "distinct": ("the number of distinct {s}", "how many different values there are", "the count of distinct values"),
    "alternating": (
        "the alternating sum (first minus second plus third and so on)",
        "first minus second plus third minus fourth and so on",
    ),
    "count_greater": (
        "how many are greater than {k}",
        "the number of {s} above {k}",
        "the count of those greater than {k}",
    ),
    "join": (
        "the list, separated by spaces",
        "the {s} on one line, separated by spaces",
        "the resulting list on one line with spaces between",
    ),
    "max": ("the maximum", "the largest", "the largest of the {s}"),
    "min": ("the minimum", "the smallest", "the smallest of the {s}"),
    "spread": (
        "the difference between the largest and the smallest",
        "the maximum minus the minimum",
        "the range (largest minus smallest)",
    ),
    "first": ("the first one", "the first element", "the first of the {s}"),
    "last": ("the last one", "the last element", "the last of the {s}"),
    "ends": ("the sum of the first and the last", "the first plus the last"),
    "mode": (
        "the most frequent value, the smallest if there is a tie",
        "the value that occurs most often (of several, the smallest)",
    ),
    "max_place": (
        "the position of the maximum, counted from 1 (the first if there are several)",
        "at which place, counted from 1, the largest one occurs first",
    ),
    "max_count": ("how often the maximum occurs", "the number of times the largest one occurs"),
    "median": (
        "the median (the lower one if there are two in the middle)",
        "the lower median",
    ),
    "mean": ("the average, rounded down", "the mean rounded down"),
    "second": (
        "the second largest (equal ones count separately)",
        "the second one in descending order",
    ),
    "contains": (
        "yes if {k} is in the list and no if not",
        "yes if {k} occurs, otherwise no",
    ),
    "is_sorted": (
        "yes if the list never decreases, otherwise no",
        "yes if none is smaller than the one before it, otherwise no",
    ),
}

CONDITION_WORDS: dict[str, tuple[str, ...]] = {
    "sum_greater": ("the sum is greater than {k}", "the total is above {k}"),
    "sum_even": ("the sum is even", "the total is an even number"),
    "sum_negative": ("the sum is negative", "the total is less than 0"),
    "count_greater": ("there are more than {k}", "more than {k} are left"),
    "count_even": ("their number is even", "the list has an even length"),
}

PREDICATE_WORDS: dict[str, tuple[str, ...]] = {
    "even": ("it is even",),
    "multiples": ("it is divisible by {k}", "it is a multiple of {k}"),
    "greater": ("it is greater than {k}", "it is above {k}"),
    "less": ("it is less than {k}", "it is below {k}"),
    "negative": ("it is negative", "it is less than 0"),
}

ACTION_WORDS: dict[str, tuple[str, ...]] = {
    "add": ("add {k} to it", "increase it by {k}"),
    "subtract": ("subtract {k} from it", "decrease it by {k}"),
    "multiply": ("multiply it by {k}", "replace it by {k} times its value"),
    "negate": ("negate it", "change its sign"),
    "square": ("square it", "multiply it by itself"),
    "keep": ("leave it as it is", "keep it unchanged"),
}

_STORIES = (
    "You are given a list of n {s}.",
    "You are given n {s}.",
    "Alice wrote down n {s}.",
    "A list of n {s} is given.",
    "Bob has a list of n {s}.",
    "There are n {s} in a row.",
)
_LOOPED_STORIES = (
    "There are t test cases, each a list of n {s}.",
    "You are given t lists of n {s}.",
    "Solve t test cases. Each is a list of n {s}.",
)
# First step, each further step, ending. Every step but the first begins its sentence or follows a connective.
_FRAMES = (
    ("First, {}.", " Then {}.", " Finally, {}."),
    ("First {},", " then {},", " and {}."),
    ("^{}.", " Then {}.", " After that, {}."),
    ("^{}.", " Next, {}.", " In the end, {}."),
    ("^{},", " then {},", " then {}."),
    ("In this order: {};", " {};", " {}."),
)


def statement_text(draw: Draw, pipeline: Pipeline, examples: list[tuple[str, str]]) -> str:
    """Return the statement in the layout of APPS.

    Args:
        draw: chooses the words.
        pipeline: what the programs have to do.
        examples: input and output of each worked example.
    """
    noun = draw.pick(NOUNS)
    story = draw.pick(_LOOPED_STORIES if pipeline.looped else _STORIES).format(s=noun)
    opening, middle, closing = draw.pick(_FRAMES)
    text = story + " "
    for place, step in enumerate(pipeline.steps):
        phrase = _step_phrase(draw, step, noun)
        frame = opening if place == 0 else middle
        if frame.startswith("^"):
            frame, phrase = frame[1:], phrase[0].upper() + phrase[1:]
        text += frame.format(phrase)
    text += closing.format(_ending_phrase(draw, pipeline.ending, noun))
    rule = _rule(draw, pipeline, noun)
    if rule and draw.chance(0.5):
        text, rule = f"{text} {rule}", ""
    output = _output_text(draw, pipeline)
    parts = [f"{text}\n\n-----Input-----\n{_input_text(draw, pipeline)}\n"]
    parts.append(f"\n-----Output-----\n{output}{' ' if rule else ''}{rule}\n")
    parts.append("\n-----Examples-----\n")
    parts.append("\n".join(f"Input\n{stdin}\nOutput\n{expected}" for stdin, expected in examples))
    return "".join(parts)


def _say(draw: Draw, phrases: tuple[str, ...], noun: str, constant: int | None) -> str:
    return draw.pick(phrases).format(s=noun, k=constant)


def _step_phrase(draw: Draw, step: Step | Branch, noun: str) -> str:
    if isinstance(step, Step):
        return _say(draw, OPERATION_WORDS[step.name], noun, step.constant)
    test = _say(draw, PREDICATE_WORDS[step.test.name], noun, step.test.constant)
    then = _say(draw, ACTION_WORDS[step.then.name], noun, step.then.constant)
    other = _say(
        draw, ACTION_WORDS[step.other.name if step.other else "keep"], noun, step.other.constant if step.other else None
    )
    return draw.pick(
        (f"for each one, if {test}, {then}, otherwise {other}", f"take each one: if {test}, {then}, else {other}")
    )


def _ending_phrase(draw: Draw, ending: Ending, noun: str) -> str:
    values = [_say_value(draw, value, noun) for value in ending.values]
    if ending.condition is not None:
        condition = _say(draw, CONDITION_WORDS[ending.condition.name], noun, ending.threshold)
        return draw.pick(
            (
                f"if {condition}, print {values[0]}, otherwise print {values[1]}",
                f"print {values[0]} if {condition}, and {values[1]} if not",
            )
        )
    if len(values) == 2:
        return draw.pick(
            (
                f"print {values[0]} and, on the next line, {values[1]}",
                f"print two lines: {values[0]}, and below it {values[1]}",
            )
        )
    return draw.pick(("print {}", "print {}", "output {}", "report {}")).format(values[0])


def _say_value(draw: Draw, value: Value, noun: str) -> str:
    return _say(draw, REDUCTION_WORDS[value.kind.name], noun, value.constant)


def _rule(draw: Draw, pipeline: Pipeline, noun: str) -> str:
    """Return the sentence that says what to print for too short a list, or nothing where there is no such list."""
    shrinks = any(step.may_empty for step in pipeline.steps)
    if pipeline.guard is not None:
        word = pipeline.guard.word
        if pipeline.guard.needs == 2:
            return draw.pick(("If there are fewer than 2, print {}.", "With fewer than 2 left, print {}.")).format(word)
    elif pipeline.may_end_empty:
        natural = {value.kind.natural for value in pipeline.ending.values}
        assert len(natural) == 1, pipeline.composition
        word = natural.pop()
    else:
        return ""
    if shrinks:
        frames = ("If nothing is left, print {w}.", "If no {s} remain, print {w}.", "Print {w} if nothing remains.")
    else:
        frames = ("If the list is empty, print {w}.", "Print {w} for an empty list.", "If n is 0, print {w}.")
    if pipeline.guard is None and len(pipeline.ending.values) == 2:
        return f"Sums and counts of nothing are {word}."
    return draw.pick(frames).format(w=word, s=noun)


def _input_text(draw: Draw, pipeline: Pipeline) -> str:
    least = draw.pick(("n is at least {}.", "(n >= {})", "n >= {}.")).format(pipeline.least)
    if pipeline.least == 0:
        least = draw.pick(("n may be 0.", "(n >= 0)", "If n is 0, the second line is empty."))
    if pipeline.looped:
        first = draw.pick(("The first line contains t.", "The first line holds the number of test cases t."))
        each = draw.pick(
            (
                "Each test case has two lines: n, then n integers.",
                "Then, for each test case, n on one line and n integers on the next.",
            )
        )
        return f"{first} {each} {least}"
    return draw.pick(
        (
            "The first line contains n, the second line n integers. {}",
            "The first line contains an integer n. The second line contains n integers. {}",
            "Two lines: n, then n integers. {}",
        )
    ).format(least)


def _output_text(draw: Draw, pipeline: Pipeline) -> str:
    if pipeline.looped:
        return draw.pick(
            ("For each test case, print the answer on its own line.", "Print one line for each test case.")
        )
    return draw.pick(("Print the answer.", "Print the result.", "The answer."))

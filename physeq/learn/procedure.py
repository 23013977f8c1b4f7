"""What a rule does with one batch, step by step: told by the rule beside what runs, and printed on its page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from physeq.learn.rule import LearningRule, Phase


class Listing(Enum):
    """What a page lists below a step, from the derivation."""

    NUDGE = "the force of the nudge on every output"
    INPUTS = "how the inputs act, which nodes are held, and where the outputs are"
    SLOPES = "what every element measures for ∂F/∂p"
    UNKNOWNS = "the unknowns of all free nodes"
    UPDATES = "every parameter, with its change and its bounds"


@dataclass(frozen=True)
class Step:
    """One step of a rule.

    Attributes:
        text: what is done. Quantities stand in braces, as in "{β}" or "{1/2β}": pages set them as symbols, and leave
            what they do not know as it is.
        inner: steps inside of this one.
        lists: what the page lists below it.
        finder: what finds the state of this step in a simulation; pages print it with its settings.
        times: how often this step, or what is inside it, is done.

    >>> nudge = Step("Nudge the outputs with {+β}.", lists=Listing.SLOPES)
    >>> [step.text for step in walk([Step("For every sample:", (nudge,))])]
    ['For every sample:', 'Nudge the outputs with {+β}.']
    """

    text: str
    inner: tuple[Step, ...] = ()
    lists: Listing | None = None
    finder: Any = None
    times: int = 1


def walk(steps: Sequence[Step]) -> Iterator[Step]:
    """All steps, each before what is inside it."""
    for step in steps:
        yield step
        yield from walk(step.inner)


def solved(steps: Sequence[Step]) -> int:
    """How many states of the system one sample asks for: the steps with a finder, as often as they are done.

    >>> solved([Step("For every point:", (Step("Relax.", finder="newton"),), times=5)])
    5
    """
    return sum(step.times * (int(step.finder is not None) + solved(step.inner)) for step in steps)


def for_each_sample(*steps: Step) -> Step:
    """The loop over a batch, which begins with the inputs."""
    given = Step("Apply the inputs of the sample.", lists=Listing.INPUTS)
    return Step("For every sample of the batch:", (given, *steps))


AVERAGE = Step("Average the estimates over the samples of the batch.")
_MOVE = "Move every parameter down its estimate, with the rate {η}, or hand the estimate to an optimiser."
UPDATE = Step(_MOVE, lists=Listing.UPDATES)
CLOSING = (AVERAGE, UPDATE)


def strength(value: Any) -> Step:
    """The choice of β, the size of the nudge, with its value where it is a number."""
    known = isinstance(value, int | float)
    told = f"; here {abs(value):g}" if known else ""
    return Step(f"Choose {{β}}, the strength of the nudge{told}.", lists=Listing.NUDGE)


def drawn_sign(phases: Sequence[Phase]) -> tuple[Step, ...]:
    """The step that draws the sign of the nudge, where it is drawn."""
    if any(phase.nudge.startswith("±") for phase in phases):
        return (Step("Draw the sign of {β} for this batch, + or − with probability ½."),)
    return ()


def at_rest(phase: Phase, finder: Any, lists: Listing | None, besides: str = "", trajectory: bool = False) -> Step:
    """A phase that ends at rest: which nudge, from where, found by what, and what is read at the end."""
    name = f"{phase.name[:1].upper()}{phase.name[1:]} phase"
    nudge = "no nudge" if phase.nudge == "0" else f"the outputs feel the nudge {{{phase.nudge}}}{besides}"
    what, found = (
        ("trajectory", "settle on a trajectory with its boundary condition")
        if trajectory
        else ("state", "come to rest")
    )
    start = "the start values" if phase.starts_from is None else f"the {phase.starts_from} {what}"
    return Step(f"{name}: {nudge}. From {start}, let the system {found}.", lists=lists, finder=finder)


def weighed(phases: Sequence[Phase]) -> str:
    """The phases with their weights in words: "positive with {1/2β}, negative with {−1/2β}"."""
    return ", ".join(f"{phase.name} with {{{phase.weight}}}" for phase in phases if phase.weight)


def of_trajectories(rule: LearningRule, model: Any) -> tuple[Step, ...]:
    """The steps of a rule whose phases are trajectories along which every element integrates."""
    phases, solver = rule.phases(), model.solver
    runs = [at_rest(phase, solver, Listing.SLOPES if phase.weight else None, trajectory=True) for phase in phases]
    form = Step(f"Every element adds up its integrals, {weighed(phases)}, and turns the sign; that is its estimate.")
    return (strength(_beta(rule)), *drawn_sign(phases), for_each_sample(*runs, form), *CLOSING)


def of_contrast(rule: LearningRule, model: Any) -> tuple[Step, ...]:
    """The steps of a rule whose phases each end at rest, and whose elements contrast ∂F/∂p between them."""
    phases, finders = rule.phases(), rule.finders(model)
    runs = [
        at_rest(phase, finders[int(phase.nudge != "0")], Listing.SLOPES if phase.weight else None) for phase in phases
    ]
    form = Step(f"Every element adds up what it has measured, {weighed(phases)}; that is its estimate.")
    return (strength(_beta(rule)), *drawn_sign(phases), for_each_sample(*runs, form), *CLOSING)


def of_response(rule: LearningRule, model: Any, besides: str = "", over: str = "") -> tuple[Step, ...]:
    """The steps of a rule whose phases each end at rest, and whose nodes measure how they respond to the nudge.

    Args:
        rule, model: whose steps.
        besides: what acts in nudged phases beside the nudge.
        over: what responses are divided by.
    """
    phases, finders = rule.phases(), rule.finders(model)
    runs = []
    for phase in phases:
        nudged = phase.nudge != "0"
        runs.append(at_rest(phase, finders[int(nudged)], Listing.UNKNOWNS, besides if nudged else ""))
    told = weighed([phase for phase in phases if phase.nudge != "0"])
    forms = [
        Step(f"Every node forms its response, what each nudged phase has moved it by from the free state: {told}."),
        Step(
            f"Every element weighs its ∂f/∂p at the free state with the responses{over}, and turns the sign; that is "
            "its estimate."
        ),
    ]
    if model.derivation.system.readout is not None:
        forms.append(Step("The estimate of the readout is {∂C/∂p} at the free state."))
    return (strength(_beta(rule)), *drawn_sign(phases), for_each_sample(*runs, *forms), *CLOSING)


def _beta(rule: LearningRule) -> Any:
    return getattr(getattr(rule, "nudging", rule), "beta", None)

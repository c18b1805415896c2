"""Single images segmented by worker processes; of stacks the workers segment the planes instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_unetpp._types import UnetppError
from napari_unetpp.files.results.outputs import Output, check_output
from napari_unetpp.files.results.result_file import is_result

if TYPE_CHECKING:
    from napari_unetpp.commands.segment.values import Done, Options
    from napari_unetpp.volumes.cluster.workers import Workers


class FilesOnWorkers:
    """Segments images in worker processes, several at a time; each worker writes the results itself.

    Parameters
    ----------
    workers : Workers
    outputs : mapping from number to Output
        The images to segment.
    check : callable
        Raises UnetppError where the results of an image may not be written.
    options : Options
    on_done : callable
        Called with the number of finished images.
    """

    def __init__(
        self,
        workers: Workers,
        outputs: Mapping[int, Output],
        check: Callable[[Output], None],
        options: Options,
        on_done: Callable[[int], None],
    ) -> None:
        self._outputs, self._check, self._options, self._on_done = outputs, check, options, on_done
        self._number_of = {_absolute(output): number for number, output in outputs.items()}
        self._found: dict[int, Done | Exception] = {}
        self._running = workers.each(segment_image_on_worker, self._jobs(workers.model))

    def has(self, number: int) -> bool:
        """Whether the workers segment the image with this number."""
        return number in self._outputs

    def result(self, number: int) -> Done:
        """The result of an image; waits for it, and raises its error."""
        while number not in self._found and (next_one := next(self._running, None)):
            self._store(*next_one)
        found = self._found.get(number, UnetppError("it was not segmented: the workers were lost before."))
        if isinstance(found, Exception):
            raise found
        return found

    def _store(self, job: tuple[str, Output, Options], found: Done | Exception) -> None:
        _, sent, _ = job
        number = self._number_of[sent]
        if not isinstance(found, Exception):
            found = _named_as(found, self._outputs[number], sent)
        self._found[number] = found
        self._on_done(len(self._found))

    def _jobs(self, model: str) -> Iterator[tuple[str, Output, Options]]:
        """Jobs of all images whose results may be written; the errors of the others are stored."""
        for number, output in self._outputs.items():
            try:
                self._check(output)
            except UnetppError as error:
                self._found[number] = error
            else:
                yield model, _absolute(output), self._options


def _absolute(output: Output) -> Output:
    """The same with absolute paths, for a process with another working folder."""
    beside = (output.table, output.tracks, output.probability)
    table, tracks, probability = (None if path is None else path.absolute() for path in beside)
    also = tuple((name, path.absolute()) for name, path in output.also)
    return Output(output.source.absolute(), output.target.absolute(), table, also, tracks, probability)


def _named_as(done: Done, asked: Output, sent: Output) -> Done:
    """The same with the paths as the user gave them."""
    name_of = dict(zip(map(str, sent.files), map(str, asked.files), strict=True))
    outputs = [name_of[path] for path in done.entry["outputs"]]
    entry = {**done.entry, "input": str(asked.source), "outputs": outputs}
    return replace(done, line=done.line.replace(str(sent.target), str(asked.target), 1), entry=entry)


def segment_image_on_worker(model: str, output: Output, options: Options) -> Done:
    """Segment one image in a worker process.

    A result that a lost worker has written already is replaced.
    """
    from napari_unetpp.commands.segment.image import segment_file
    from napari_unetpp.volumes.cluster.on_worker import model_named

    options = replace(options, overwrite=options.overwrite or is_result(output.target))
    return segment_file(output, model_named(model), options, lambda tile, tiles: None)


def checker(plan: Sequence[Output], *, overwrite: bool, resume: bool) -> Callable[[Output], None]:
    """A function that checks an output of a plan before it is written."""
    sources = [each.source for each in plan]
    return lambda output: check_output(output, sources, overwrite=overwrite, resume=resume)

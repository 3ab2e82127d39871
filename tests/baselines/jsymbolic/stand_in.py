"""Poses as `java -jar jSymbolic2.jar -configrun CONFIG` with the program's documented manners.

Arguments: the table of features, then Java's own. What happens to a file is told by a word in it.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from pathlib import Path

_OPTIONS = {
    "window_size",
    "window_overlap",
    "save_features_for_each_window",
    "save_overall_recording_features",
    "convert_to_arff",
    "convert_to_csv",
}


def main() -> int:
    table, *arguments = sys.argv[1:]
    if arguments == ["-version"]:
        print('openjdk version "17.0.0" (stand-in)', file=sys.stderr)
        return 0
    assert any(argument.startswith("-Xmx") for argument in arguments)
    assert "-Duser.language=en" in arguments
    jar, configrun, config = arguments[arguments.index("-jar") + 1 :]
    assert configrun == "-configrun"
    kind = Path(jar).read_text()  # or else where to note this run
    if kind == "corrupt":
        print(f"Error: Invalid or corrupt jarfile {jar}", file=sys.stderr)
        return 1
    with Path(kind).open("a") as log:
        print(Path(config).resolve().parent, file=log)
    return _run(Path(config), table)


def _run(config: Path, table: str) -> int:
    sections = _sections(config)
    options = {line.partition("=")[0] for line in sections["jSymbolic_options"]}
    with Path(table).open() as file:
        dimensions = {row["name"]: int(row["dimensions"]) for row in csv.DictReader(file)}
    unknown = [name for name in sections["features_to_extract"] if name not in dimensions]
    if options != _OPTIONS or config.suffix != ".txt" or unknown:
        print(f"ERROR: {config} has an error: {unknown}", file=sys.stderr)
        return 0
    values = Path(sections["output_files"][0].partition("=")[2])
    text = "<!DOCTYPE feature_vector_file [<!ELEMENT v (#PCDATA)>]>\n<feature_vector_file>\n"
    for path in sections["input_files"]:
        data = Path(path).read_bytes()
        if b"refused" in data:
            print(
                "ERROR: The following 1 files cannot be processed because they are not valid MIDI "
                "or MEI files, and were thus removed from the list of files to process: "
                f"{Path(path).resolve()}",
                file=sys.stderr,
            )
        elif b"fails" in data:
            print(
                f"ERROR: Problem extracting features from {path}.\n"
                "\tDetailed error message: java.lang.Exception: no such luck\n\tat somewhere",
                file=sys.stderr,
            )
        elif b"vanishes" in data:
            continue
        elif b"memory" in data:
            print(
                f"ERROR: The Java Runtime ran out of memory while processing:\n     {path}",
                file=sys.stderr,
            )
            values.write_text(text[:-60])  # in the middle of the row before, if there was one
            return 255
        elif b"hangs" in data:
            values.write_text(text)
            with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"]) as child:
                Path(data.partition(b"hangs:")[2].partition(b";")[0].decode()).write_text(
                    str(child.pid)
                )
                time.sleep(300)
        else:
            text += _row(path, data, sections["features_to_extract"], dimensions)
    values.write_text(text + "</feature_vector_file>\n")
    return 0


def _sections(config: Path) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in config.read_text().splitlines():
        if line.startswith("<"):
            lines = sections.setdefault(line.strip("<>"), [])
        elif line:
            lines.append(line)
    return sections


def _row(path: str, data: bytes, features: list[str], dimensions: dict[str, int]) -> str:
    parts = [f"<data_set><data_set_id>{path}</data_set_id>"]  # not escaped
    for i, name in enumerate(features):
        values = "".join(f"<v>{len(data) + i + k:.3E}</v>" for k in range(dimensions[name]))
        parts.append(f"<feature><name>{name}</name>{values}</feature>")
    return "\n".join([*parts, "</data_set>\n"])


if __name__ == "__main__":
    sys.exit(main())

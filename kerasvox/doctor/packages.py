"""Which packages are there, in which versions, and whether they can be imported."""

import importlib
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import NamedTuple

from kerasvox.doctor.finding import Finding, Status, one_line

# Distributions whose module has another name.
_MODULES = {"pyyaml": "yaml", "tensorflow-serving-api": "tensorflow_serving.apis"}
# As a package it demands an ffmpeg program; what is used of it is looked at by `check_metric`.
_NOT_IMPORTED = ("museval",)
_TENSORFLOW = ("tensorflow", "tensorboard")
_NOT_FOR_USERS = ("test", "dev")
# Of no use without a backend, and importing TensorFlow imports Keras, which then fails.
_ON_KERAS = ("keras", *_TENSORFLOW)


class _Requirement(NamedTuple):
    name: str
    specifier: str
    extra: str | None


def check_packages(backend: str | None) -> Iterator[Finding]:
    """Import what kerasvox asks for and what its extras bring.

    A package that lacks or does not load is broken if kerasvox cannot do without, else a warning;
    TensorFlow may lack where Keras runs on another backend.

    Args:
        backend: what Keras is set to run on; None if it cannot, then what rests on Keras, and the
            extras, are left out.
    """
    try:
        requirements = [_parse(line) for line in metadata.requires("kerasvox") or []]
    except metadata.PackageNotFoundError:
        yield Finding(
            "package",
            "kerasvox",
            "warning",
            "is not installed, only importable: what it needs is not known",
            "install it: pip install kerasvox, or pip install -e . in its source",
        )
        requirements = []
    needed = {each.name: each for each in requirements if each.extra is None}
    if backend is None:
        needed = {name: each for name, each in needed.items() if name not in _ON_KERAS}
        requirements = []
    elif backend not in needed:
        brought = {each.name: each for each in requirements}  # by an extra of its own
        needed[backend] = brought.get(backend, _Requirement(backend, "", None))
    for requirement in needed.values():
        yield _required(requirement, backend)
    extras = sorted({each.extra for each in requirements if each.extra} - set(_NOT_FOR_USERS))
    for extra in extras:
        members = [each for each in requirements if each.extra == extra]
        if own := {each.name for each in members} - set(needed):
            yield _extra(extra, members, own)


def _required(requirement: _Requirement, backend: str | None) -> Finding:
    name, version = requirement.name, _version(requirement.name)
    data = {"version": version}
    dispensable = name in _TENSORFLOW and backend != "tensorflow"
    if version is None and dispensable:
        found = f"is not installed; Keras runs on {backend}"
        advice = "only needed for exports, tf.distribute and logs: pip install " + name
        return Finding("package", name, "warning", found, advice, data)
    fault = _import_fault(name)
    if fault:
        found = f"cannot be imported ({one_line(fault)})"
        status: Status = "warning" if dispensable else "broken"
        advice = _install_advice(requirement, version, fault)
        return Finding("package", name, status, found, advice, data)
    if not _fits(version, requirement.specifier):
        return Finding(
            "package",
            name,
            "broken",
            f"is of version {version}; kerasvox needs {requirement.specifier}",
            f'pip install "{name}{requirement.specifier}"',
            data,
        )
    return Finding("package", name, "ok", version or "version unknown", data=data)


def _extra(extra: str, members: list[_Requirement], own: set[str]) -> Finding:
    """Look at an extra; `own` are those of its members that kerasvox does not need anyway."""
    data = {each.name: _version(each.name) for each in members}
    missing = [name for name, version in data.items() if version is None]
    install = f'pip install "kerasvox[{extra}]"'
    if missing:
        lacks = "is not installed" if own <= set(missing) else f"lacks {', '.join(missing)}"
        return Finding("extra", extra, "warning", lacks, f"if you need it: {install}", data)
    for each in members:
        version = data[each.name]
        if not _fits(version, each.specifier):
            found = f"{each.name} is of version {version}; {extra} needs {each.specifier}"
            return Finding("extra", extra, "broken", found, install, data)
    for each in members:
        fault = _import_fault(each.name)
        if fault:
            found = f"{each.name} cannot be imported ({one_line(fault)})"
            return Finding("extra", extra, "broken", found, f"{install} --force-reinstall", data)
    if extra == "tfio" and (fault := _decoding_fault()):
        found = f"fails ({one_line(fault)})"
        return Finding("extra", extra, "broken", found, install, data)
    versions = ", ".join(f"{name} {version}" for name, version in data.items())
    return Finding("extra", extra, "ok", versions, data=data)


def _decoding_fault() -> Exception | None:
    from kerasvox.data.tfio import load_graph

    try:
        with _silence():
            load_graph()
    except Exception as error:  # whatever a broken installation comes up with
        return error
    return None


def _install_advice(requirement: _Requirement, version: str | None, fault: Exception) -> str:
    missing = getattr(fault, "name", None) if isinstance(fault, ModuleNotFoundError) else None
    if missing and missing.partition(".")[0] != _module(requirement.name).partition(".")[0]:
        return f"pip install {missing.partition('.')[0]}"  # it is not the one to blame
    force = "" if version is None else "--force-reinstall "
    return f'pip install {force}"{requirement.name}{requirement.specifier}"'


def _parse(line: str) -> _Requirement:
    """Take apart a line such as `onnx>=1.18; extra == 'onnx'`."""
    requirement, _, marker = line.partition(";")
    extra = re.search(r"extra == ['\"]([\w-]+)['\"]", marker)
    name = re.match(r"[\w.-]+", requirement)
    assert name is not None, line
    specifier = re.sub(r"^\[.*?\]", "", requirement[name.end() :].strip()).strip("() ")
    return _Requirement(name[0].lower(), specifier, extra and extra[1])


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _import_fault(name: str) -> Exception | None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        with _silence():
            if name not in _NOT_IMPORTED:
                importlib.import_module(_module(name))
            elif _version(name) is None:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    except Exception as error:  # whatever a broken installation comes up with
        return error
    return None


def _module(name: str) -> str:
    return _MODULES.get(name, name.replace("-", "_"))


@contextmanager
def _silence() -> Iterator[None]:
    """Keep off the terminal what libraries print while they load, and while they fail to."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)


def _fits(version: str | None, specifier: str) -> bool:
    if version is None or not specifier:
        return True
    from packaging.specifiers import SpecifierSet  # Keras brings it

    return SpecifierSet(specifier).contains(version, prereleases=True)

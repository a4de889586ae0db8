"""What an installed package asks for, and which of it is not there."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata

from packaging.requirements import Requirement


def requirements(package: str, extra: str = "") -> list[Requirement]:
    """Returns what a package needs on this machine, or what one of its extras adds.

    Args:
        package: An installed package; others need nothing.
        extra: The extra; extras that it asks of other packages are followed.

    Example:
        >>> from gislr.utils.installed_packages import requirements
        >>> [requirement.name for requirement in requirements("gislr", "pose")]
        ['pose-format']
    """
    try:
        lines = metadata.requires(package) or []
    except metadata.PackageNotFoundError:
        return []
    found = []
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        always = marker is None or marker.evaluate({"extra": ""})
        if always != bool(extra) and (marker is None or marker.evaluate({"extra": extra})):
            found.append(requirement)
            for other in requirement.extras:
                found += requirements(requirement.name, other)
    return found


def missing(required: Iterable[Requirement]) -> dict[str, str]:
    """Returns why each requirement that is not met is not, by its name.

    Example:
        >>> from packaging.requirements import Requirement
        >>> from gislr.utils.installed_packages import missing
        >>> missing([Requirement("numpy>=2"), Requirement("no-such-package")])
        {'no-such-package': 'is not installed'}
    """
    found = {}
    for requirement in required:
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            found[requirement.name] = "is not installed"
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            found[requirement.name] = f"must be {requirement.specifier}; it is {version}"
    return found


def modules() -> dict[str, str]:
    """Returns the module to import of each installed package, by the package's name."""
    found: dict[str, str] = {}
    for module, packages in metadata.packages_distributions().items():
        for package in packages:
            if module.isidentifier() and module[0] != "_":
                found.setdefault(package.lower(), module)
    return found

"""Figures of the campaign, shown at its end."""

import pytest


@pytest.fixture
def record_figure(record_property):
    """Adds a line to the summary."""
    return lambda line: record_property("figure", line)


def pytest_terminal_summary(terminalreporter):
    """Shows every line, also those of other workers."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, line in getattr(report, "user_properties", []):
                if name == "figure" and report.when == "call":
                    terminalreporter.write_line(f"{report.nodeid.split('::')[-1]}: {line}")

"""What is kept of what was measured, how it is shown, and what each figure is to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from contenders import Cost

Figures = dict[str, float]

BOUNDS: Mapping[str, float] = {
    "add_cpu_vs_reference": 0.15,
    "add_wall_vs_reference": 0.25,
    "del_cpu_vs_reference": 0.15,
    "add_cpu_vs_c": 2.5,
    "shim_wall_vs_noop": 2,
    "pod_add_wall_vs_reference": 0.35,
    "pod_add_cpu_vs_reference": 0.2,
    "burst16_wall_vs_reference": 0.35,
    "pod_del_wall_vs_reference": 0.5,
    "del8_wall_vs_del1": 2,
    "add_wall_10000_nads_vs_10": 1.1,
    "agent_peak_mib": 56,
    "api_requests_per_add": 1,
    "api_requests_per_plain_add": 0,
    "cli_help_cpu_s": 0.3,
    "cli_ls_cpu_s": 0.3,
    "cli_show_cpu_s": 0.3,
}


@dataclass(kw_only=True, slots=True)
class Series:
    """All costs of one thing, in the order in which they came."""

    costs: list[Cost] = field(default_factory=list)

    @property
    def cpu(self) -> float:
        """Median, in milliseconds."""
        return median(cost.cpu for cost in self.costs) / 1e6

    @property
    def wall(self) -> float:
        return median(cost.wall for cost in self.costs) / 1e6


def head(words: str) -> None:
    print(f"\n{words:46}     CPU      wall")


def show(words: str, series: Series) -> None:
    print(f"  {words:44}{series.cpu:8.2f}  {series.wall:8.2f}")


def show_all(figures: Figures) -> None:
    """All but the times, which stand in the tables."""
    print("\nfigures")
    for name, value in figures.items():
        if not name.endswith("_ms"):
            bound = f"  (at most {BOUNDS[name]:g})" if name in BOUNDS else ""
            print(f"  {name:44}{value:8.3f}{bound}")

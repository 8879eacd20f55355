"""Figures, methods text and the report of a participant."""

from sctflow.reports.assemble import write_report

__all__ = ["write_report"]

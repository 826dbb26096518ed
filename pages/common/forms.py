"""Forms made from typed settings: each label, help, bound and default is that of the setting itself, as on the command line."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, Literal, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from core.config import RunSettings, Settings, acting_settings

GROUPS: Final = {"canvas": "Pictures", "scenes": "Scenes", "model": "Model", "training": "Teaching"}


def settings_form(key: str, start: RunSettings) -> dict[str, dict[str, Any]]:
    """One tab for each group of settings that act on the chosen kind of model; the values as they stand in the form, not yet validated.

    `start` is what the form holds at first; `fill` changes it later.
    """
    acting = acting_settings(st.session_state.get(f"{key}.model.kind", start.model.kind))
    values = {}
    for tab, (group, names) in zip(st.tabs([GROUPS[group] for group in acting]), acting.items(), strict=True):
        own: Settings = getattr(start, group)
        with tab:
            idle = set(type(own).model_fields) - set(names)
            values[group] = group_form(f"{key}.{group}", own, leave_out=idle)
    return values


def group_form(key: str, start: Settings, *, leave_out: Collection[str] = ()) -> dict[str, Any]:
    """The same for one group, without some of its fields; `fill_group` changes what it holds."""
    fields = {name: field for name, field in type(start).model_fields.items() if name not in leave_out}
    if f"{key}.{next(iter(fields))}" not in st.session_state:
        fill_group(key, start)
    cells = [
        cell for _ in range(0, len(fields), 3) for cell in st.columns(3)
    ]  # row by row: a phone keeps the order
    values = {}
    for cell, (name, field) in zip(cells, fields.items(), strict=False):
        with cell:
            values[name] = _widget(f"{key}.{name}", name, field)
    return values


def fill(key: str, settings: RunSettings) -> None:
    """Put these settings into the form; in a callback, or before the form is drawn."""
    for group in GROUPS:
        fill_group(f"{key}.{group}", getattr(settings, group))


def fill_group(key: str, settings: Settings) -> None:
    """Put the settings of one group into its form."""
    for name, value in settings.model_dump().items():
        st.session_state[f"{key}.{name}"] = value


def _widget(key: str, name: str, field: FieldInfo) -> Any:
    label = name.replace("_", " ").capitalize()
    # What is in the form lasts while other pages are visited.
    common: dict[str, Any] = {"key": key, "help": field.description, "persist_state": "session"}
    if get_origin(field.annotation) is Literal:
        return st.selectbox(label, get_args(field.annotation), **common)
    if field.annotation is str:
        return st.text_input(label, **common)
    low, high = _bounds(field)
    if field.annotation is int:
        whole = [None if bound is None else int(bound) for bound in (low, high)]
        return st.number_input(label, *whole, step=1, **common)
    return st.number_input(label, low, high, step=_step(field.default), format="%.6g", **common)


def _bounds(field: FieldInfo) -> tuple[float | None, float | None]:
    """Smallest and largest value; those that may not themselves be taken are left to the validation."""
    low = [float(rule.ge) for rule in field.metadata if getattr(rule, "ge", None) is not None]
    low += [float(rule.gt) for rule in field.metadata if getattr(rule, "gt", None) is not None]
    high = [float(rule.le) for rule in field.metadata if getattr(rule, "le", None) is not None]
    high += [float(rule.lt) for rule in field.metadata if getattr(rule, "lt", None) is not None]
    return max(low, default=None), min(high, default=None)


def _step(default: float) -> float:
    """Of the buttons beside the number: about a tenth of it."""
    return float(f"{max(abs(default), 0.1) / 10:.0e}") if default >= 0.05 or not default else default / 4

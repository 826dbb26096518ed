# Every command runs in the active Python environment (pip install -r requirements-dev.txt).
PYTHON ?= python

.PHONY: check test format app

check: ## formatting, lint, types and who may import whom
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(PYTHON) -c "from importlinter.cli import lint_imports_command; lint_imports_command()"

test: ## every test; the browser tests skip themselves where there is no Chromium
	$(PYTHON) -m pytest

format:
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

app:
	$(PYTHON) -m streamlit run streamlit_app.py

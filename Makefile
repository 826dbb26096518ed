# Every command runs in the active Python environment (pip install -r requirements-dev.txt).
PYTHON ?= python

.PHONY: help check lint types imports test format app figures sample study checkpoints notebook pictures lock

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 13

app: ## the app on this machine
	$(PYTHON) -m streamlit run streamlit_app.py

check: lint types imports ## formatting, lint, types and who may import whom

lint: ## formatting and lint
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .

types: ## mypy
	$(PYTHON) -m mypy

imports: ## import-linter
	$(PYTHON) -c "from importlinter.cli import lint_imports_command; lint_imports_command()"

test: ## every test; the browser tests skip themselves where there is no Chromium
	$(PYTHON) -m pytest

format: ## what formatter and linter can mend by themselves
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

# What the repository carries and did not write by hand. Each target makes it anew, in its place.

figures: ## the figures in docs/, hours on a machine that does nothing else
	for name in $$(sed -n 's/^<!-- figures: \(.*\) -->/\1/p' docs/*.md); do $(PYTHON) -m benchmarks $$name --write || exit; done

sample: ## core/data/mnist_sample.npz, from all of MNIST
	$(PYTHON) -m core data --write-sample core/data/mnist_sample.npz

study: ## studies/ablation.zip: 63 runs, in the lab that NUMBERS_LAB names, and what came of them; hours
	for file in studies/*.yaml; do $(PYTHON) -m core sweep $$file || exit; done
	$(PYTHON) -m core pack studies/ablation.zip

checkpoints: ## checkpoints/*.safetensors by the presets, into runs/; hours. checkpoints/README.md has how the bundled ones came about
	$(PYTHON) -m core train --preset number --out runs/number
	$(PYTHON) -m core train --preset digit --out runs/digit
	$(PYTHON) -m core train --preset finder --out runs/finder
	cp runs/number/best.safetensors checkpoints/number.safetensors
	cp runs/digit/best.safetensors checkpoints/digit.safetensors
	cp runs/finder/best.safetensors checkpoints/finder.safetensors

notebook: ## the outputs of the notebook
	$(PYTHON) -m jupyter execute --inplace notebooks/*.ipynb

pictures: ## docs/pictures/, from the running app; needs a Chromium
	$(PYTHON) -m docs.make_pictures

lock: ## requirements.lock; needs uv (pip install uv)
	$(PYTHON) -m uv pip compile requirements.txt --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
	    --no-annotate --custom-compile-command "make lock" --output-file requirements.lock

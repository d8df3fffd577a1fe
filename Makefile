.PHONY: check test peers load bench bench-einvoice lock migration
V := .venv/bin
PEERS := $(shell command -v uv >/dev/null && echo uv pip install --quiet --python $(V)/python || echo $(V)/python -m pip install --quiet)
COMPILE := uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --quiet pyproject.toml

check: $(V)/ruff  ## format, lint, types, import contracts, migrations, translations
	$(V)/ruff format --check .
	$(V)/ruff check .
	$(V)/mypy
	$(V)/lint-imports
	$(V)/python -m market.cli db check --scratch
	$(V)/python -m market.web.i18n check

test:  ## every test; make test arguments="-k relay"
	python3 -m market test $(arguments)

peers: $(V)/ruff  ## other people's clients and servers for the tests, as their locks say (the tests are skipped without)
	if command -v npm >/dev/null; then npm ci --prefix tests/peers --ignore-scripts --no-progress --loglevel=error; fi
	$(PEERS) --require-hashes --no-deps --requirement tests/peers/requirements.lock

load: $(V)/ruff  ## buyers, tills and officials against a running market: make load url=http://127.0.0.1:8000
	$(V)/python -m loadtests $(if $(url),--url $(url)) $(arguments)

bench: $(V)/ruff  ## every way to move money, measured in turn: make bench arguments="--quick"
	$(V)/python -m loadtests.ledger_bench $(arguments)

bench-einvoice: $(V)/ruff  ## signing, verifying, a day's end, pages: make bench-einvoice arguments="--quick"
	$(V)/python -m loadtests.einvoice_bench $(arguments)

lock:  ## the three locks anew: names, versions, markers and hashes, no addresses (needs uv)
	$(COMPILE) --output-file requirements-base.lock
	$(COMPILE) --group test --group dev --extra load --output-file requirements-test.lock
	$(COMPILE) --extra rabbitmq --extra redis --output-file requirements-cluster.lock
	! grep -n -e '://' -e '^--' requirements-*.lock

migration: $(V)/ruff  ## make migration package=payments message="what it does"
	$(V)/python -m market.migrations.new $(package) "$(message)"

$(V)/ruff:
	python3 -m market setup --test

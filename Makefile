.PHONY: check test migration
V := .venv/bin

check:  ## ruff, mypy, import contracts
	$(V)/ruff format --check .
	$(V)/ruff check .
	$(V)/mypy
	$(V)/lint-imports

test:
	$(V)/pytest -q

migration:  ## make migration package=payments message="what it does"
	$(V)/python -m market.migrations.new $(package) "$(message)"

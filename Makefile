# The two commands of the project, and their helpers. Everything else is cargo and npm.
.DEFAULT_GOAL := help
.PHONY: help run test bench sim scoreboard format deny

help: ## Show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

run: ## Install what is missing, build the web client and the server, and start it (ARGS="--http 0.0.0.0:8080")
	@scripts/run.sh $(ARGS)

test: ## Install what is missing and check everything (ONLY="rust-test browser" runs some stages)
	@scripts/install.sh test
	@node scripts/test.mjs $(ONLY)

bench: ## Measure the server under load (ARGS="load --scenario meeting --floor"; bench/README.md has more)
	@cargo build --workspace --bins
	@target/debug/boltorezka-bench $(or $(ARGS),load --scenario webinar --floor)

sim: ## Run seeds of the simulation (SEEDS=1000 SEED_START=0)
	@cargo build --quiet --workspace --bin boltorezka-sim
	@target/debug/boltorezka-sim --seeds $(or $(SEEDS),100) --seed-start $(or $(SEED_START),0)

scoreboard: ## Play links as people have them, and write media/sim/scoreboard.md
	@cargo build --quiet --workspace --bin boltorezka-sim
	@target/debug/boltorezka-sim --scoreboard media/sim/scoreboard.md

format: ## Put Rust and TypeScript into form
	@cargo fmt --all
	@npx biome check --write .

deny: ## Check licences, bans, sources and advisories with cargo-deny (needs `cargo install cargo-deny` and a network)
	@cargo deny check

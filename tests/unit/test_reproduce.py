"""`physeq reproduce`: entries run in pieces, kept in a record, shown on a page; mistakes in tables."""

import json
import shutil
import signal
from pathlib import Path

import jax
import pytest
from cli_runner import shell, shell_in  # noqa: F401 - a fixture
from small_system import write_system

import physeq as pq
from physeq.loading import load_system
from physeq.reproducing import Stop, run_missing
from physeq.result_pages import markdown
from physeq.result_pairs import largest_difference, percent
from physeq.result_record import Places, collect, write_record
from physeq.result_tables import merged, read_table

TABLE = """
title = "Two moons, two nudges"
description = "A table of a few neurons."
source = "nobody"
published_is = "best epoch, one run"
compared = "best"
seeds = 2
overrides = { epochs = 2 }

[[rows]]
name = "plain"
experiment = "moons"
published = 30.0
band = 40.0

[[rows]]
name = "one-sided"
experiment = "moons"
overrides = { rule.nudging = { name = "one-sided", beta = 0.05 }, epochs = 3 }
note = "another nudge"
"""

COPY = """
title = "The same with fewer samples"
rows_of = "moons-table"
overrides = { data.train = 20, epochs = 1 }
"""


def write_tables(folder):
    """A system with two tables under a folder; the path of the first."""
    tables = write_system(folder) / "tables"
    tables.mkdir()
    (tables / "moons-table.toml").write_text(TABLE)
    (tables / "moons-few.toml").write_text(COPY)
    return tables / "moons-table.toml"


@pytest.fixture
def single():
    """The command line's precision, and the suite's afterwards."""
    jax.config.update("jax_enable_x64", False)
    yield
    jax.config.update("jax_enable_x64", True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """All entries of a table run at once: (shell, payload)."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("whole")
        write_tables(folder)
        made = shell_in(folder, patch)
        found = made.json("reproduce", "moons-table", "--json")
    jax.config.update("jax_enable_x64", True)
    return made, found


def entries(record):
    """{(row, seed): what does not depend on clocks}."""
    kept = ("epochs", "last", "best", "best_epoch", "train", "curve", "finished")
    return {
        (row["name"], entry["seed"]): {key: entry[key] for key in kept}
        for row in record["rows"]
        for entry in row["entries"]
    }


# ---- running ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_record_of_a_whole_table(whole):
    made, found = whole
    record = found["record"]
    assert json.loads((made.folder / "docs/results/moons-table.json").read_text()) == record
    assert set(entries(record)) == {(row, seed) for row in ("plain", "one-sided") for seed in (0, 1)}
    assert record["missing"] == [] and found["failures"] == {} and not found["stopped"]
    plain, other = record["rows"]
    assert (plain["epochs"], other["epochs"]) == (2, 3)
    assert other["settings"]["rule"]["nudging"] == {"name": "one-sided", "beta": 0.05}
    assert plain["settings"]["rule"]["nudging"] == {"name": "centered", "beta": 0.1}
    for row in record["rows"]:
        last = [entry["last"] for entry in row["entries"]]
        assert row["summary"]["last"] == pytest.approx(sum(last) / 2, abs=1e-4)
        assert row["summary"]["last_std"] == pytest.approx(abs(last[0] - last[1]) / 2**0.5, abs=1e-4)
        for entry in row["entries"]:
            assert len(entry["curve"]) == row["epochs"] and entry["curve"][-1] == entry["last"]
            assert entry["best"] == min(entry["curve"]) == entry["curve"][entry["best_epoch"] - 1]
            folder = made.folder / "runs/reproduce/moons-table" / row["name"] / f"seed-{entry['seed']}"
            metrics = json.loads((folder / "metrics.json").read_text())
            assert metrics["test"]["error_percent"] == pytest.approx(entry["last"], abs=1e-4)
            assert metrics["train"]["error_percent"] == pytest.approx(entry["train"], abs=1e-4)
            assert metrics["seed"] == entry["seed"] and entry["made_with"]["precision"] == "single"


def test_page_says_what_the_record_says(whole):
    made, found = whole
    page = (made.folder / found["page"]).read_text()
    assert page.startswith("# Two moons, two nudges\n\nA table of a few neurons.\n\nPublished numbers: nobody (best")
    plain = found["record"]["rows"][0]
    summary = plain["summary"]
    cells = next(line for line in page.splitlines() if line.startswith("| plain |")).split(" | ")
    assert cells[1] == "30.00 ± 40.00"
    assert cells[2] == f"{summary['last']:.2f} ± {summary['last_std']:.2f}"
    assert cells[3] == f"{summary['best']:.2f} ± {summary['best_std']:.2f}"
    sign = "−" if summary["best"] < 30 else "+"
    assert cells[4] == f"{sign}{abs(summary['best'] - 30):.2f}, inside the band"
    assert cells[6] == "2 of 2"
    assert (
        '`rule.nudging.name = "one-sided"`, `rule.nudging.beta = 0.05`' in page and "- one-sided: another nudge" in page
    )
    assert "## Missing" not in page and "seed-" not in page and "(moons-table.svg)" in page
    curves = (made.folder / "docs/results/moons-table.svg").read_text()
    assert ">plain<" in curves and ">one-sided<" in curves and ">epoch<" in curves


@pytest.mark.slow
def test_interrupted_entries_end_as_uninterrupted_ones(whole, tmp_path, monkeypatch):
    _, uninterrupted = whole
    write_tables(tmp_path)
    made = shell_in(tmp_path, monkeypatch)
    pieces = []
    for _ in range(5):
        pieces.append(made.json("reproduce", "moons-table", "--seeds", "1", "--time-limit", "0", "--json")["record"])
    jax.config.update("jax_enable_x64", True)
    # An epoch a piece: two of the first row, three of the second.
    assert [sum(one["epochs"] for one in entries(piece).values()) for piece in pieces] == [1, 2, 3, 4, 5]
    assert pieces[0]["missing"][0] == {"row": "plain", "seed": 0, "epochs": 1, "of": 2, "resumable": True}
    assert pieces[-1]["missing"] == [
        {"row": "plain", "seed": 1, "epochs": 0, "of": 2, "resumable": False},
        {"row": "one-sided", "seed": 1, "epochs": 0, "of": 3, "resumable": False},
    ]
    assert pieces[0]["rows"][0]["summary"] == {"finished": 0} | dict.fromkeys(
        [k + s for k in ("last", "best", "train", "seconds") for s in ("", "_std")]
    )
    expected = {key: one for key, one in entries(uninterrupted["record"]).items() if key[1] == 0}
    assert entries(pieces[-1]) == expected


def test_a_state_that_was_handed_on_goes_on(tmp_path, single):
    """A half-trained entry beside the record, as in a fresh clone, ends as if it had never moved."""
    table, places = read_table(write_tables(tmp_path)), Places(tmp_path / "runs", tmp_path / "out")
    options = {"rows": ["plain"], "seeds": 1, "progress": False}
    said: list[str] = []
    run_missing(table, places, epochs=1, say=said.append, **options)
    write_record(table, places)
    first = places.run(table, "plain", 0)
    kept = places.kept(table, "plain", 0)
    kept.mkdir(parents=True)
    for name in ("checkpoint.eqx", "environment.json", "experiment.toml", "log.jsonl"):
        shutil.copy(first / name, kept)
    other = Places(tmp_path / "elsewhere", places.output)
    run_missing(table, other, say=said.append, **options)
    run_missing(table, places, say=said.append, **options)
    assert ["(resumed)" in text for text in said] == [False, True, True]
    ends = [json.loads((p.run(table, "plain", 0) / "metrics.json").read_text()) for p in (places, other)]
    assert ends[0]["test"] == ends[1]["test"] and ends[0]["epochs"] == ends[1]["epochs"] == 2
    # Its record alone cannot be gone on with, and the page says so.
    shutil.rmtree(kept)
    record = collect(table, Places(tmp_path / "nowhere", places.output))
    assert "- plain: seeds 0 (at epoch 1 of 2, begins anew), 1" in markdown(record, "physeq reproduce moons-table")


def test_a_signal_ends_after_the_epoch(shell):  # noqa: F811
    write_table = shell.folder / "systems/small/tables"
    write_table.mkdir()
    (write_table / "moons-table.toml").write_text(TABLE)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        import physeq.reproducing as reproducing

        run = reproducing.run_experiment

        def interrupted(*arguments, stop, **options):
            signal.raise_signal(signal.SIGTERM)
            return run(*arguments, stop=stop, **options)

        patch.setattr(reproducing, "run_experiment", interrupted)
        found = shell.json("reproduce", "moons-table", "--json", status=1)
    assert found["stopped"] and {k: e["epochs"] for k, e in entries(found["record"]).items()} == {("plain", 0): 1}
    assert signal.getsignal(signal.SIGTERM) is before


def test_finished_entries_are_never_repeated(whole, tmp_path, monkeypatch):
    made, found = whole
    shutil.copytree(made.folder, tmp_path / "copy")
    again = shell_in(tmp_path / "copy", monkeypatch)
    shutil.rmtree(again.folder / "runs")  # the record alone says what is done
    repeated = again.json("reproduce", "moons-table", "--json")
    assert repeated["record"] == found["record"] and not (again.folder / "runs").exists()
    more = again.json("reproduce", "moons-table", "--rows", "plain", "--seeds", "3", "--epochs", "1", "--json")[
        "record"
    ]
    assert entries(more)["plain", 2]["epochs"] == 1 and not entries(more)["plain", 2]["finished"]
    assert more["rows"][0]["summary"] == found["record"]["rows"][0]["summary"]
    jax.config.update("jax_enable_x64", True)


@pytest.mark.slow
def test_an_end_that_was_interrupted_is_made_up_for(tmp_path, single):
    """Training error and pages come after the last epoch: a run that was stopped in between gets them."""
    table, places = read_table(write_tables(tmp_path)), Places(tmp_path / "runs", tmp_path / "out")
    options = {"rows": ["plain"], "seeds": 1, "progress": False}
    said = []
    run_missing(table, places, say=said.append, **options)
    folder = places.run(table, "plain", 0)
    before, log = write_record(table, places)["rows"][0]["entries"], (folder / "log.jsonl").read_text()
    (folder / "metrics.json").unlink()
    run_missing(table, places, say=said.append, **options)
    assert (folder / "log.jsonl").read_text() == log
    assert write_record(table, places)["rows"][0]["entries"] == before and before[0]["train"] is not None
    run_missing(table, places, say=said.append, **options)
    assert len(said) == 2 and "resumed" in said[1]


def test_a_row_that_fails_leaves_the_others(tmp_path, single):
    path = write_tables(tmp_path)
    path.write_text(
        TABLE.replace(
            "rule.nudging = {", 'rule.free = { name = "newton", steps = 1, tolerance = 1e-30 }, rule.nudging = {'
        )
    )
    table, places = read_table(path), Places(tmp_path / "runs", tmp_path / "out")
    failures = run_missing(table, places, seeds=1, progress=False, say=lambda text: None)
    assert list(failures) == ["one-sided, seed 0"] and "epoch 1" in failures["one-sided, seed 0"]
    record = write_record(table, places)
    assert record["rows"][0]["summary"]["finished"] == 1
    (failed,) = record["rows"][1]["entries"]
    assert failed["epochs"] == 0 and "epoch 1" in failed["failed"] and not failed["finished"]
    assert "0 of 3, failed: " in markdown(record, "physeq reproduce moons-table")


def test_other_settings_are_not_mixed(tmp_path, single):
    path = write_tables(tmp_path)
    places = Places(tmp_path / "runs", tmp_path / "out")
    run_missing(read_table(path), places, rows=["plain"], seeds=1, epochs=1, progress=False, say=lambda text: None)
    write_record(read_table(path), places)
    experiment = path.parents[1] / "moons.toml"
    experiment.write_text(experiment.read_text().replace("momentum = 0.5", "momentum = 0.6"))
    with pytest.raises(pq.ModelError, match=r"moons-table.json: row 'plain'.*optimizer.momentum = 0.5, now 0.6"):
        collect(read_table(path), places)
    places.record(read_table(path)).unlink()
    with pytest.raises(pq.ModelError, match=r"seed-0: was made with other settings.*optimizer.momentum"):
        run_missing(read_table(path), places)
    # More epochs are no other settings: the run goes on.
    experiment.write_text(experiment.read_text().replace("momentum = 0.6", "momentum = 0.5"))
    path.write_text(TABLE.replace("epochs = 2", "epochs = 4"))
    (first, *_) = collect(read_table(path), places)["missing"]
    assert first == {"row": "plain", "seed": 0, "epochs": 1, "of": 4, "resumable": True}


def test_a_held_folder_is_left_to_who_holds_it(tmp_path, single):
    fcntl = pytest.importorskip("fcntl")
    table, places = read_table(write_tables(tmp_path)), Places(tmp_path / "runs", tmp_path / "out")
    folder = places.run(table, "plain", 0)
    folder.mkdir(parents=True)
    said = []
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run_missing(table, places, rows=["plain"], seeds=1, progress=False, say=said.append)
    assert said == ["plain, seed 0: another process has it"] and not (folder / "checkpoint.eqx").exists()


def test_stopping():
    stop = Stop(seconds=1000)
    assert not stop()
    stop.asked = True
    assert stop()


# ---- pairs -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_row_beside_another_of_another_system_in_double_precision(shell):  # noqa: F811
    path = write_tables(shell.folder / "own")
    shutil.copytree(path.parents[1], path.parents[2] / "twin", ignore=shutil.ignore_patterns("tables"))
    text = TABLE.replace("seeds = 2", 'seeds = 1\nprecision = "double"')
    text = text.replace('note = "another nudge"', 'beside = "plain"\nsystem = "twin"').replace(", epochs = 3 }", " }")
    path.write_text(text)
    record = shell.json("reproduce", str(path), "--json")["record"]
    jax.config.update("jax_enable_x64", True)
    plain, other = record["rows"]
    assert (plain["system"], other["system"], other["beside"]) == ("small", "twin", "plain")
    assert {row["entries"][0]["made_with"]["precision"] for row in record["rows"]} == {"double"}
    assert (
        json.loads((shell.folder / "runs/reproduce/moons-table/one-sided/seed-0/environment.json").read_text())[
            "system"
        ]
        == "twin"
    )
    a, b = (row["entries"][0] for row in (other, plain))
    page = (shell.folder / "docs/results/moons-table.md").read_text()
    line = next(line for line in page.splitlines() if line.startswith("| one-sided | plain |"))
    apart = [percent(abs(a[number] - b[number]) / b[number]) for number in ("last", "train")]
    assert line.endswith(f"| {apart[0]} | {apart[1]} |")
    assert "`twin/moons.toml`" in page and "dashed the row beside" in page
    assert (shell.folder / "docs/results/moons-table.svg").stat().st_size > 1000


def test_pairs_compare_what_is_finished_in_both():
    def row(*lasts):
        return {"entries": [{"seed": k, "finished": v is not None, "last": v} for k, v in enumerate(lasts)]}

    assert largest_difference(row(1.0, 2.2, None), row(1.0, 2.0, 5.0), "last") == pytest.approx(0.1)
    assert largest_difference(row(None), row(1.0), "last") is None
    assert largest_difference(row(0.0), row(0.0), "last") == 0.0


# ---- tables ----------------------------------------------------------------------------------------------------


def test_rows_of_another_table(tmp_path):
    path = write_tables(tmp_path)
    few = read_table(path.with_name("moons-few.toml"))
    assert [row.name for row in few.rows] == ["plain", "one-sided"] and few.seeds == 1
    assert [row.experiment.epochs for row in few.rows] == [2, 3]  # a row's own word is the last
    for row in few.rows:
        assert row.published is None and row.experiment.data.train == 20
    assert few.rows[1].experiment.rule.nudging == pq.OneSided(0.05)


def test_merging_leaves_its_arguments_alone():
    table = {"a": {"b": 1, "c": 2}, "d": 3}
    assert merged(table, {"a": {"b": 5}, "d": {"e": 1}}) == {"a": {"b": 5, "c": 2}, "d": {"e": 1}}
    assert table == {"a": {"b": 1, "c": 2}, "d": 3}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('title = "Two', 'titel = "Two', ["key 'titel'", "Did you mean 'title'"]),
        ('experiment = "moons"', 'experiment = "mons"', ["row 'plain': experiment 'mons'", "Did you mean 'moons'"]),
        ('compared = "best"', 'compared = "bets"', ["compared 'bets'", "last, best"]),
        ("published = 30.0", 'published = "thirty"', ["row 'plain': published must be a number"]),
        ("published = 30.0", "publisched = 30.0", ["row 'plain': key 'publisched'"]),
        ("rule.nudging", "rule.nudgin", ["row 'one-sided'", "moons.toml", "'nudgin'", "Did you mean 'nudging'"]),
        ('name = "one-sided"\nexp', 'name = "plain"\nexp', ["two rows are named 'plain'"]),
        ('name = "plain"', 'name = "../plain"', ["must be letters, digits"]),
        ('name = "plain"\n', "", ["needs the key 'name'"]),
        ("seeds = 2", "seeds = 0", ["seeds must be at least 1"]),
        ("overrides = { epochs = 2 }", "overrides = 3", ["overrides must be a table"]),
        ("seeds = 2", 'seeds = 2\nrows_of = "moons-few"', ["needs rows, written [[rows]], or rows_of"]),
        ("[[rows]]", "[[rows]", ["is not TOML"]),
        ("seeds = 2", 'seeds = 2\nprecision = "doubel"', ["precision 'doubel'", "Did you mean 'double'"]),
        ('note = "another nudge"', 'beside = "plane"', ["row 'one-sided': beside: row 'plane'", "'plain'"]),
        (
            'note = "another nudge"',
            'beside = "one-sided"',
            ["row 'one-sided': beside: row 'one-sided'", "Known: plain"],
        ),
        ('note = "another nudge"', 'system = "smal"', ["row 'one-sided': system 'smal'", "Did you mean 'small'"]),
    ],
)
def test_mistakes_in_a_table_are_named(tmp_path, old, new, words):
    path = write_tables(tmp_path)
    assert old in TABLE
    path.write_text(TABLE.replace(old, new, 1))
    with pytest.raises(pq.ModelError) as caught:
        read_table(path)
    for word in ["moons-table.toml", *words]:
        assert word in str(caught.value)


def test_wrong_names_are_wrong_use(shell):  # noqa: F811
    path = shell.folder / "systems/small/tables/moons-table.toml"
    path.parent.mkdir()
    path.write_text(TABLE)
    assert "Did you mean 'moons-table'" in shell("reproduce", "moons-tabel", status=2).stderr
    assert "Did you mean 'plain'" in shell("reproduce", "moons-table", "--rows", "plane", status=2).stderr
    assert "there is no table file" in shell("reproduce", "missing.toml", status=2).stderr
    found = shell.json("reproduce", "--json")["tables"]["moons-table"]
    assert found["title"] == "Two moons, two nudges" and found["rows"] == ["plain", "one-sided"]
    assert shell.json("list", "--json")["tables"]["moons-table"] == found
    assert "Two moons, two nudges" in shell("list").stdout


@pytest.mark.slow
def test_a_report_runs_nothing_and_works_from_another_folder(tmp_path, monkeypatch):
    path = write_tables(tmp_path / "project")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    shell = shell_in(tmp_path / "elsewhere", monkeypatch)  # noqa: F811
    found = shell.json("reproduce", str(path), "--report", "--json")
    assert not (tmp_path / "elsewhere/runs").exists() and len(found["record"]["missing"]) == 4
    page = (tmp_path / "elsewhere/docs/results/moons-table.md").read_text()
    record = tmp_path / "elsewhere/docs/results/moons-table.json"
    assert record.stat().st_mode & 0o444 == 0o444
    assert "4 entries are not finished" in page and f"physeq reproduce {path}" in page and "![" not in page
    found = shell.json("reproduce", str(path), "--rows", "plain", "--seeds", "1", "--epochs", "1", "--json")
    assert (tmp_path / "elsewhere/runs/reproduce/moons-table/plain/seed-0/checkpoint.eqx").is_file()
    assert "- plain: seeds 0 (at epoch 1 of 2), 1" in (tmp_path / "elsewhere" / found["page"]).read_text()
    jax.config.update("jax_enable_x64", True)


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "systems").glob("*/tables/*.toml")), ids=lambda p: p.stem
)
def test_every_table_of_the_repository_fits_its_experiments(path):
    table = read_table(path)
    models = {}
    for row in table.rows:
        experiment = row.experiment
        built = repr((row.system, experiment.system, dict(experiment.build), dict(experiment.trajectories)))
        if built not in models:
            models[built] = experiment.build_model(load_system(row.system).variant(experiment.system))
        experiment.rule.check(models[built])
        if experiment.optimizer is not None:
            experiment.optimizer.build().build(models[built], 1)

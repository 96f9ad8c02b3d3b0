import pytest
import simulation


@pytest.fixture
def without_icarus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(simulation.MISSING, "icarus", lambda: "Icarus is not installed")


@pytest.mark.usefixtures("without_icarus")
def test_a_missing_simulator_is_a_visible_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Icarus is not installed"):
        simulation.require("icarus")


@pytest.mark.usefixtures("without_icarus")
def test_a_missing_simulator_fails_where_ci_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="a skipped simulator is a failure"):
        simulation.require("icarus")

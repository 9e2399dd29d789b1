"""Where data and environments lie, in a checkout and in an installed wheel."""

from pathlib import Path

from vdx.core.paths import PACKAGE, locate

CHECKOUT = PACKAGE.parent.parent


def test_checkout_is_its_own_data() -> None:
    paths = locate({})
    assert paths.is_checkout
    assert paths.triton_python == CHECKOUT / ".venv-triton" / "bin" / "python"
    assert paths.requirements / "triton.txt" in paths.requirements.iterdir()
    assert (paths.triton_backends / "tone" / "model.py").exists()
    assert list(paths.recordings.glob("*.wav"))


def test_installed_package_keeps_its_environment_under_home(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "vdx"
    paths = locate({"VDX_HOME": str(tmp_path / "home")}, package=package)
    assert not paths.is_checkout
    assert paths.model_repository == package / "_data" / "model_repository"
    assert paths.triton_venv == tmp_path / "home" / "venv-triton"
    assert paths.voicepacks[0] == tmp_path / "home" / "voicepacks"


def test_home_defaults_to_the_users_data_folder(tmp_path: Path) -> None:
    package = tmp_path / "frontend" / "vdx"
    assert locate({}, package).home == Path.home() / ".local" / "share" / "vdx"
    assert locate({"XDG_DATA_HOME": "/data"}, package).home == Path("/data/vdx")


def test_home_can_be_moved_in_a_checkout(tmp_path: Path) -> None:
    assert locate({"VDX_HOME": str(tmp_path)}).home == tmp_path
    assert locate({}).home == CHECKOUT / ".vdx"

"""What child processes are told: what they need, and no secret."""

from vdx.serving.environment import child_environment

SECRETS = (
    *("VDX_SERVER__API_KEYS", "VDX_LIVEKIT__API_SECRET", "LIVEKIT_API_SECRET", "OPENAI_API_KEY"),
    *("HF_TOKEN", "NVIDIA_API_KEY", "AWS_SECRET_ACCESS_KEY", "DATABASE_URL", "https_proxy"),
    *("CUDA_AUTH", "GITHUB_TOKEN", "PGPASSWORD", "VDX_HOME", "PYTHONPATH"),
)
NEEDED = ("PATH", "HOME", "LANG", "LC_ALL", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")


def test_only_what_is_needed_is_passed_on() -> None:
    told = child_environment(dict.fromkeys((*SECRETS, *NEEDED), "x"))
    assert sorted(told) == sorted(NEEDED)

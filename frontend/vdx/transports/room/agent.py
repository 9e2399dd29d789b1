"""The agents of a worker: each has a name that a dispatch asks for, and a profile."""

from dataclasses import dataclass

from vdx.core.config import LiveKitConfig


@dataclass(frozen=True, slots=True)
class Agent:
    """`config` is that of rooms with this agent's name; an empty `profile` is the default one."""

    config: LiveKitConfig
    profile: str = ""

    @property
    def name(self) -> str:
        return self.config.agent_name

    @classmethod
    def first(cls, config: LiveKitConfig) -> "Agent":
        """The agent of `livekit.agent_name`."""
        return cls(config)


def agents_of(config: LiveKitConfig) -> tuple[Agent, ...]:
    """That of `livekit.agent_name`, and those of `livekit.agents`."""
    further = (
        Agent(config.model_copy(update={"agent_name": name}), profile)
        for name, profile in config.agents.items()
    )
    return (Agent.first(config), *further)

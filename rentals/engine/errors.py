"""What a container engine refuses, with the reason codes that events and pages carry."""


class EngineError(Exception):
    """The engine said no; `reason` is a stable code, the text is for people."""

    reason = "engine_failed"
    sentence = "The container engine refused"

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(f"{self.sentence}: {detail}")


class EngineDown(EngineError):
    """It did not answer: nothing is known about the containers."""

    reason = "engine_down"
    sentence = "The machine's container engine does not answer; its owner has to look at it"


class ImageMissing(EngineError):
    """The image is not on the machine; pull it first."""

    reason = "image_missing"
    sentence = "The image is not on the machine and has to be pulled first"


class ImagePullFailed(EngineError):
    """The registry or the disk refused; another image name may help."""

    reason = "image_pull_failed"
    sentence = "The image could not be pulled; check its name and that it is public"


class PortTaken(EngineError):
    """Another process holds a port that was meant to be published."""

    reason = "port_taken"
    sentence = "A port of the machine is already in use; choose another"


class DiskFull(EngineError):
    """No space is left on the machine."""

    reason = "disk_full"
    sentence = "The machine's disk is full; choose another machine"


class GpuUnavailable(EngineError):
    """The GPUs could not be given to, or seen from, the container."""

    reason = "gpu_unavailable"
    sentence = "The machine could not provide the GPUs; choose another machine"


class NameConflict(EngineError):
    """A container of this name exists: look at it and adopt it."""

    reason = "name_conflict"
    sentence = "A container of this name exists already"


class ForeignContainer(EngineError):
    """A container of this name is not ours; it is left alone."""

    reason = "foreign_container"
    sentence = "A container with the pod's name belongs to somebody else and was left alone"


class PodMissing(EngineError):
    """There is no such container."""

    reason = "pod_missing"
    sentence = "The pod's container does not exist on the machine"


class PodNotRunning(EngineError):
    """The container exists, but does not run."""

    reason = "pod_not_running"
    sentence = "The pod's container is not running"


class NodeUnfit(EngineError):
    """The machine cannot host pods."""

    reason = "node_unfit"
    sentence = "This machine cannot host pods"

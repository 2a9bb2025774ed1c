"""What runs in a pod: an image and how to start it."""

from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.models import Workspace
from core.huid import huid


class TemplateStatus(models.TextChoices):
    """Whether the image has been seen to start; the wire speaks these words upper-cased."""

    CREATED = "created"
    UPDATED = "updated"
    VERIFY_SUCCESS = "verify_success"
    VERIFY_FAILED = "verify_failed"


class TemplateQuerySet(models.QuerySet["Template"]):
    """Read predicates over templates."""

    def usable_by(self, workspace: Workspace | None) -> "TemplateQuerySet":
        """Keep the public ones and the workspace's own."""
        public = Q(is_private=False)
        own = Q(workspace=workspace) if workspace else Q(pk__in=[])
        return self.filter(public | own, deleted_at=None)


class Template(models.Model):
    """An image with its ports, environment and start command."""

    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, null=True, blank=True, related_name="templates"
    )
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    readme = models.TextField(blank=True)
    category = models.CharField(max_length=30, default="UBUNTU")
    docker_image = models.CharField(max_length=255)
    docker_image_tag = models.CharField(max_length=128, default="latest")
    docker_image_digest = models.CharField(max_length=80, blank=True)
    built_on_node = models.BooleanField(
        default=False, help_text="assembled from packages at enrolment: needs no image registry"
    )
    internal_ports = ArrayField(models.PositiveIntegerField(), default=list, blank=True)
    environment = models.JSONField(default=dict, blank=True)
    entrypoint = models.TextField(blank=True)
    startup_commands = models.TextField(blank=True)
    volumes = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    is_private = models.BooleanField(default=False)
    one_time = models.BooleanField(default=False, help_text="deleted with its pod")
    status = models.CharField(
        max_length=20, choices=TemplateStatus.choices, default=TemplateStatus.CREATED
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = TemplateQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=TemplateStatus.values), name="template_status_known"
            ),
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(workspace=None, deleted_at=None),
                name="template_public_name_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def huid(self) -> str:
        """The human id that the client shows too."""
        return huid(self.public_id)

    @property
    def image_reference(self) -> str:
        """The full image reference, by digest where one is known."""
        if self.docker_image_digest:
            return f"{self.docker_image}@{self.docker_image_digest}"
        return f"{self.docker_image}:{self.docker_image_tag}"

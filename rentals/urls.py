"""Pages of rentals."""

from django.urls import path

from rentals.views import pods
from rentals.views.rent import RentView

urlpatterns = [
    path("rent/<uuid:node_id>", RentView.as_view(), name="rent"),
    path("pods", pods.pods, name="pods"),
    path("pods/<uuid:pod_id>", pods.pod, name="pod"),
    path("pods/<uuid:pod_id>/live", pods.pod_live, name="pod_live"),
    path("pods/<uuid:pod_id>/remove", pods.pod_remove, name="pod_remove"),
    path("pods/<uuid:pod_id>/stop", pods.pod_stop, name="pod_stop"),
    path("pods/<uuid:pod_id>/start", pods.pod_start, name="pod_start"),
    path("pods/<uuid:pod_id>/reboot", pods.pod_reboot, name="pod_reboot"),
    path("pods/<uuid:pod_id>/schedule", pods.pod_schedule, name="pod_schedule"),
    path("pods/<uuid:pod_id>/receipt", pods.receipt, name="receipt"),
    path("pods/<uuid:pod_id>/receipt/file", pods.receipt_file, name="receipt_file"),
]

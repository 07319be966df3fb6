"""An evaluation as one page of HTML that needs nothing else: no network, no script, no other file."""

from ncf_keras.reporting.contents import Curve, Report, SampledUser, ShownItem
from ncf_keras.reporting.page import report_html

__all__ = ["Curve", "Report", "SampledUser", "ShownItem", "report_html"]

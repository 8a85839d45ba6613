"""The sentences of the service as codes: each is its English template with named parameters, and the catalogues word it in other languages.

How a parameter begins tells what it holds, see KINDS of prs.web.api.said. A full stop at the end is no part of a template.
"""

from __future__ import annotations

from prs.web.api.sentences.guests import GUESTS
from prs.web.api.sentences.jobs import JOBS
from prs.web.api.sentences.plans import PLANS
from prs.web.api.sentences.readings import READINGS
from prs.web.api.sentences.rounds import ROUNDS
from prs.web.api.sentences.service import SERVICE
from prs.web.api.sentences.settings import SETTINGS

SENTENCES = (*PLANS, *GUESTS, *READINGS, *JOBS, *ROUNDS, *SERVICE, *SETTINGS)

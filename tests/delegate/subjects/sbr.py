from __future__ import annotations

from tests.delegate.conformance import (
    Subject,
    add_answers_in_the_version_it_was_asked_in,
    check_sees_that_there_was_no_add,
    del_is_success_when_there_is_nothing,
    del_takes_back_what_add_made,
)

SUBJECT = Subject(type="sbr", conf={"type": "sbr"}, makes_interface=False, chained=True)

BROKEN_BY_THE_REFERENCE = {
    add_answers_in_the_version_it_was_asked_in,  # its DEL leaves the tables filled, for which a second ADD on the
    del_takes_back_what_add_made,  # same interface fails
    del_is_success_when_there_is_nothing,
    check_sees_that_there_was_no_add,  # it looks at nothing
}

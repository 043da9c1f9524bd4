"""What schemathesis cannot know: copies of path parameters in a body have to agree with the path."""

import schemathesis


@schemathesis.hook
def map_case(context, case):
    if isinstance(case.body, dict):
        for name in ("zone", "domain", "type", "username"):
            # What is no text is wrong on purpose.
            if isinstance(case.body.get(name), str) and name in (case.path_parameters or {}):
                case.body[name] = case.path_parameters[name]
    return case

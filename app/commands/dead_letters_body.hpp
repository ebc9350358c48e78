// DEAD LETTERS BODY: what a letter's body is, so that it can be sent again. The store
// keeps the record as it came to the stage that refused it, and why, but not its format:
// the code tells it, or the body does, or the operator has to.
#pragma once

#include "app/commands/dead_letters.hpp"

namespace weir {

struct replay_body {
  std::string content_type;
  std::string text;
};

/// Failure: malformed_body if no stream would take the letter, or if it may be one of
/// several things; the text says what to do.
result<replay_body> body_of(const dead_letter& letter,
                            const dead_letters_options& options);

} // namespace weir

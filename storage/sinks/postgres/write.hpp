// POSTGRES WRITE: one transaction's worth of frames into `records`.
//
// The rows go in with COPY. When the server refuses a row for what is in it, the transaction is
// done again carefully: in halves, each after a savepoint, until the rows at fault stand alone;
// those are set aside with the server's reason. So no record can block those after it.
//
// A server that refuses everything is not a million bad records. A refusal that is not about a
// value, and one more than `refused_max` in a row, is tried on an empty record: when that is
// refused too, nothing is set aside and the whole fails.
#pragma once

#include "storage/sinks/postgres/keys.hpp"
#include "storage/sinks/postgres/rows.hpp"

#include <optional>
#include <span>

namespace weir::postgres {

/// Where the cursor was and where it goes.
struct cursor_move {
  journal_position from, to;
  uint64_t from_sequence = 0, to_sequence = 0;
};

struct write_report {
  uint64_t frames_skipped = 0; ///< stored by somebody before
  uint64_t rows_set_aside = 0;
  uint64_t times_replaced = 0; ///< records whose time was outside the window
  uint64_t refused_in_row = 0; ///< by the server, since one was stored
  std::string first_set_aside; ///< which, and why
};

struct write_terms {
  claim_terms claims;
  uint64_t refused_max = 1'000;
  uint64_t refused_in_row = 0; ///< so far
};

/// One transaction: moves the cursor if `move` is given (failing when it is not where it should
/// be), claims the frames' keys, stores the rows. Does everything or nothing; after a failure of
/// commit itself nobody knows which.
result<write_report> write_frames(connection& db, std::span<const frame_view> frames,
                                  const write_terms& terms,
                                  const std::optional<cursor_move>& move);

} // namespace weir::postgres

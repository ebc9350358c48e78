// DEAD LETTER STORE: rejected and quarantined records with their reasons, in an SQLite
// file of its own. Fed from the journal, so a dead letter is as durable as a record.
#pragma once

#include "base/result.hpp"
#include "proto/journal_frame.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weir {

struct dead_letter {
  uint64_t id = 0;
  std::string stream;
  int64_t received_at_us = 0;
  std::string batch;   ///< 32 hex digits
  uint32_t record = 0; ///< in its request, from 1
  uint64_t line = 0;   ///< in its request, from 1
  std::string code;
  std::string pointer;
  std::string detail;
  std::string body;
  /// 0: never sent again, or the outcome is unknown; positive: when it was stored; negative: minus
  /// the time when it was rejected again and a newer letter took its place.
  int64_t replayed_at_us = 0;
};

struct dead_letter_query {
  std::string stream; ///< empty: all
  uint64_t after = 0; ///< only ids above this
  size_t limit = 100; ///< 1 … 10,000
  bool bodies = false;
  /// A page ends before a letter that would make it larger; it has at least one letter.
  size_t bytes_max = size_t{2} << 20;
};

/// Letters that match all members.
struct dead_letter_choice {
  std::vector<uint64_t> ids; ///< empty: all
  std::string stream;        ///< empty: all
  int64_t before_us = 0;     ///< received before; 0: at any time
};

struct dead_letter_config {
  std::string path;
  uint64_t letters_max = 1'000'000; ///< the oldest go first
};

class dead_letter_store {
 public:
  virtual ~dead_letter_store() = default;
  static result<std::unique_ptr<dead_letter_store>>
  open(const dead_letter_config& config);
  static result<std::unique_ptr<dead_letter_store>>
  open_read_only(const dead_letter_config& config);
  /// As open_read_only; null when there is none yet.
  static result<std::unique_ptr<dead_letter_store>>
  open_if_there(const dead_letter_config& config);

  /// Refuses a file of another program or of a newer weir, with its path; not one that is
  /// missing or can't be read now.
  static result<void> look(const dead_letter_config& config);

  virtual journal_position cursor() const noexcept = 0;
  virtual result<void> commit(std::span<const frame_view> frames,
                              journal_position next) = 0;
  virtual result<std::vector<dead_letter>> list(const dead_letter_query& query) = 0;
  virtual result<std::optional<dead_letter>> get(uint64_t id) = 0;
  /// `at_us`: see dead_letter::replayed_at_us.
  virtual result<void> mark_replayed(uint64_t id, int64_t at_us) = 0;
  /// Returns how many were deleted. Their ids are never used again.
  virtual result<uint64_t> remove(const dead_letter_choice& which) = 0;
  virtual result<uint64_t> count() = 0;
};

} // namespace weir

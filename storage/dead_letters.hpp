// DEAD LETTER STORE: rejected and quarantined records with their reasons, in an SQLite
// file of its own. Fed from the journal, so a dead letter is as durable as a record.
#pragma once

#include "proto/journal_frame.hpp"
#include "proto/result.hpp"

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
  int64_t replayed_at_us = 0; ///< 0: never
};

struct dead_letter_query {
  std::string stream; ///< empty: all
  uint64_t after = 0; ///< ids above
  size_t limit = 100; ///< 1 … 10,000
  bool bodies = false;
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

  virtual journal_position cursor() const noexcept = 0;
  virtual result<void> commit(std::span<const frame_view> frames,
                              journal_position next) = 0;
  virtual result<std::vector<dead_letter>> list(const dead_letter_query& query) = 0;
  virtual result<std::optional<dead_letter>> get(uint64_t id) = 0;
  virtual result<void> mark_replayed(uint64_t id, int64_t at_us) = 0;
  virtual result<uint64_t> count() = 0;
};

} // namespace weir

// Batches and a clock for the journal's tests.
#pragma once

#include "base/clock.hpp"
#include "proto/batch.hpp"
#include "storage/journal/journal.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weir {

class manual_clock final : public clock_source {
 public:
  std::chrono::steady_clock::time_point now() const noexcept override { return steady; }
  int64_t unix_us() const noexcept override { return wall_us; }

  std::chrono::steady_clock::time_point steady{std::chrono::hours{1}};
  int64_t wall_us = 1'700'000'000'000'000;
};

/// In "j", of few keys, so that limits are near.
inline journal_config small_journal(uint64_t segment_bytes, uint64_t segments_max) {
  journal_config made;
  made.directory = "j";
  made.segment_bytes = segment_bytes;
  made.bytes_max = segments_max * segment_bytes;
  made.keys_max = made.recent_keys_max = 100;
  return made;
}

/// Builds a batch part by part; records go to the part added last.
class batch_builder {
 public:
  explicit batch_builder(std::string stream = "web") {
    source_->stream = std::move(stream);
    source_->received_at_us = 1'700'000'000'000'000;
  }

  batch_builder& part(batch_key key, bool keyed = false, uint64_t fingerprint = 0) {
    batch_part made;
    made.key = key;
    made.keyed = keyed;
    made.fingerprint = fingerprint;
    source_->parts.push_back(std::move(made));
    batch_->dropped.push_back(0);
    return *this;
  }
  batch_builder& record(const std::string& body) {
    const auto index = part_index();
    batch_->records.push_back({static_cast<uint32_t>(text_.size()),
                               static_cast<uint32_t>(body.size()), index, numbers(), 0});
    text_ += body;
    return *this;
  }
  /// Another part of the record before.
  batch_builder& further_part(const std::string& body) {
    record(body);
    batch_->records.back().record = --source_->parts.back().records - 1;
    return *this;
  }
  batch_builder& reject_record(reject code, std::string body,
                               std::string detail = "no good") {
    batch_->rejections.push_back(
      {part_index(), numbers(), 0, code, "/a", std::move(detail), std::move(body)});
    return *this;
  }
  batch_builder& drop(uint32_t count) {
    batch_->dropped.back() += count;
    return *this;
  }
  envelope& source() { return *source_; }

  batch_ptr done() {
    batch_->source = source_;
    batch_->text = std::make_shared<const std::string>(text_);
    return batch_;
  }

 private:
  uint32_t part_index() const { return static_cast<uint32_t>(source_->parts.size() - 1); }
  uint32_t numbers() { return source_->parts.back().records++; }

  std::shared_ptr<envelope> source_ = std::make_shared<envelope>();
  std::shared_ptr<record_batch> batch_ = std::make_shared<record_batch>();
  std::string text_;
};

/// One part with these records.
inline batch_ptr simple_batch(batch_key key, const std::vector<std::string>& records,
                              bool keyed = false, uint64_t fingerprint = 0) {
  batch_builder build;
  build.part(key, keyed, fingerprint);
  for (const auto& body : records)
    build.record(body);
  return build.done();
}

} // namespace weir

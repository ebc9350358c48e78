// Batches for the tests of links and dispatch.
#pragma once

#include "base/clock.hpp"
#include "proto/batch.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace weir {

using test_clock = std::chrono::steady_clock;

/// One part with `records` records of ten bytes each, due in 30 s from `now`.
inline std::shared_ptr<record_batch> make_test_batch(uint64_t id, uint32_t records = 3,
                                                     test_clock::time_point now = {}) {
  auto source = std::make_shared<envelope>();
  source->id = id;
  source->stream = "default";
  source->deadline = now + std::chrono::seconds{30};
  source->parts.resize(1);
  source->parts[0].key = {id * 0x9e3779b97f4a7c15ULL, id};
  source->parts[0].records = records;
  source->bytes.reserve(records * 10 + text_padding);
  auto batch = std::make_shared<record_batch>();
  for (uint32_t i = 0; i < records; ++i) {
    batch->records.push_back({i * 10, 10, 0, i, i});
    source->bytes += "0123456789";
  }
  batch->dropped.resize(1);
  batch->source = source;
  batch->text = std::shared_ptr<const std::string>(source, &source->bytes);
  return batch;
}

/// Anything a batch may be, drawn from `random`.
inline std::shared_ptr<record_batch> make_random_batch(random_source& random,
                                                       test_clock::time_point now) {
  const auto below = [&](uint64_t n) { return random.next() % n; };
  const auto text = [&](size_t bytes_max) {
    std::string made(below(bytes_max + 1), '\0');
    for (auto& c : made)
      c = static_cast<char>(below(256));
    return made;
  };
  const auto name = [&](size_t bytes) {
    std::string made(bytes, '\0');
    for (auto& c : made)
      c = "abcdefghijklmnopqrstuvwxyz0123456789"[below(36)];
    return made;
  };
  auto source = std::make_shared<envelope>();
  source->stream = name(1 + below(64));
  source->level = static_cast<priority>(below(3));
  source->received_at_us = static_cast<int64_t>(below(uint64_t{1} << 50));
  source->deadline = now + std::chrono::milliseconds{below(60'000)};
  source->bytes = text(500);
  source->parts.resize(1 + below(4));
  for (auto& part : source->parts) {
    part.request = below(3);
    part.key = {random.next(), random.next()};
    part.keyed = below(2) == 1;
    part.fingerprint = random.next();
    part.format = static_cast<body_format>(below(4));
    part.ack = static_cast<ack_level>(below(3));
    part.record_base = below(1000);
    part.line_base = below(1000);
    part.records = static_cast<uint32_t>(30 + below(100));
    if (below(3) == 0)
      part.header = std::make_shared<const csv_header>(
        csv_header{{text(10), text(10)}, below(2) == 0 ? ',' : ';'});
    part.client = name(below(129));
    part.trace = name(below(257));
  }
  auto batch = std::make_shared<record_batch>();
  batch->source = source;
  if (below(2) == 0)
    batch->text = std::shared_ptr<const std::string>(source, &source->bytes);
  else
    batch->text = std::make_shared<const std::string>(text(800));
  const auto parts = static_cast<uint32_t>(source->parts.size());
  for (uint64_t left = below(20); left > 0; --left) {
    record_ref ref;
    ref.offset = static_cast<uint32_t>(below(batch->text->size() + 1));
    ref.size = static_cast<uint32_t>(below(batch->text->size() - ref.offset + 1));
    ref.part = static_cast<uint32_t>(below(parts));
    ref.record = static_cast<uint32_t>(below(30));
    ref.line = static_cast<uint32_t>(below(1000));
    batch->records.push_back(ref);
  }
  std::sort(batch->records.begin(), batch->records.end(),
            [](const auto& a, const auto& b) {
              return std::pair{a.part, a.record} < std::pair{b.part, b.record};
            });
  for (uint64_t left = below(5); left > 0; --left) {
    rejection r;
    r.part = static_cast<uint32_t>(below(parts));
    r.record = static_cast<uint32_t>(below(30));
    r.line = static_cast<uint32_t>(below(1000));
    r.code = static_cast<reject>(1 + below(reject_codes - 1));
    r.pointer = text(30);
    r.detail = text(250);
    r.body = below(2) == 0 ? text(100) : std::string{};
    batch->rejections.push_back(r);
  }
  for (uint32_t i = 0; i < parts; ++i)
    batch->dropped.push_back(static_cast<uint32_t>(below(10)));
  return batch;
}

} // namespace weir

// RENDEZVOUS: which of several nodes a key belongs to (highest random weight, Thaler and
// Ravishankar 1996). Every node that knows the same names gives the same answer, and when
// a node goes away only its keys move.
#pragma once

#include "base/text.hpp"
#include "proto/batch.hpp"

#include <cstdint>
#include <string_view>

namespace weir {

/// The weight of `key` at the node called `name`; the key belongs to the node with the highest.
inline uint64_t rendezvous_weight(std::string_view name, const batch_key& key) noexcept {
  uint64_t mixed = fnv1a(name);
  // SplitMix64's finalizer over each word.
  for (const uint64_t word : {key.high, key.low}) {
    mixed ^= word;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    mixed ^= mixed >> 31;
  }
  return mixed;
}

/// The key that names a batch in logs: its first with an Idempotency-Key, else its first.
inline const batch_key& logged_key(const record_batch& batch) noexcept {
  const auto& parts = batch.source->parts;
  for (const auto& part : parts)
    if (part.keyed)
      return part.key;
  return parts.front().key;
}

/// The key that places a batch: its first with an Idempotency-Key, so that a repeated
/// request meets the journal that knows it; else its first. All batches of a streamed
/// request have one, that of the whole body: one journal must see them in their order.
inline batch_key placement_key(const record_batch& batch) noexcept {
  const auto of = [](const batch_part& part) {
    const auto word = part.home != 0 ? part.home : part.key.low;
    return batch_key{word, word};
  };
  const auto& parts = batch.source->parts;
  for (const auto& part : parts)
    if (part.keyed)
      return of(part);
  return of(parts.front());
}

} // namespace weir

#include "storage/sink/key_walk.hpp"

#include "storage/sink/state.hpp"

namespace weir {

result<key_walk> key_walk::open(sqlite::connection& db) {
  auto next =
    db.prepare("read the keys", "SELECT number, last_sequence - (accepted & 0xffffffff)"
                                " - (accepted >> 32) + 1, last_sequence, key"
                                " FROM batch_keys WHERE number > ?1 AND accepted > 0"
                                " AND last_sequence >= ?2 ORDER BY number LIMIT 1");
  if (!next)
    return tl::unexpected(next.error());
  key_walk walk;
  walk.next_ = std::move(*next);
  return walk;
}

result<std::optional<batch_key>> key_walk::of(uint64_t id) {
  if (id > last_ && !ended_)
    if (auto gone = go_on(id); !gone)
      return tl::unexpected(gone.error());
  if (id < first_ || id > last_)
    return std::optional<batch_key>{};
  return std::optional{key_};
}

result<void> key_walk::go_on(uint64_t id) {
  next_.bind(1, number_);
  next_.bind(2, id);
  const auto row = next_.step();
  if (!row)
    return tl::unexpected(row.error());
  ended_ = !*row;
  if (ended_)
    return {};
  number_ = next_.natural(0);
  first_ = next_.natural(1);
  last_ = next_.natural(2);
  key_ = decode_key(next_.bytes(3));
  next_.reset();
  return {};
}

} // namespace weir

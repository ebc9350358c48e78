#include "storage/sinks/postgres/walk.hpp"

#include "storage/sinks/postgres/rows.hpp"

namespace weir::postgres {

namespace {

/// Selects from one of the two tables. A journal's ids are a range: see rows.hpp.
std::string columns_of(const std::string& table, const std::string& body) {
  return "SELECT id, stream, (extract(epoch FROM received_at) * 1000000)::bigint, batch, "
         + body + " FROM " + table
         + " WHERE received_at >= $1::timestamptz AND received_at < $2::timestamptz"
           " AND (id BETWEEN $3::bigint AND $4::bigint"
           " OR ($5::boolean AND (id < $6::bigint OR id > $4::bigint)))";
}

/// The days that have records: every partition, and days of what was set aside.
result<std::vector<std::string>> list_days(connection& db) {
  const auto found =
    db.script("list the days",
              "SELECT to_date(right(c.relname, 8), 'YYYYMMDD')::text FROM pg_inherits i"
              " JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent ="
              " 'records'::regclass AND c.relname ~ '^records_[0-9]{8}$'"
              " UNION SELECT DISTINCT received_at::date::text FROM records_set_aside"
              " ORDER BY 1");
  if (!found)
    return tl::unexpected(found.error());
  std::vector<std::string> days;
  days.reserve(static_cast<size_t>(found->rows()));
  for (int row = 0; row < found->rows(); ++row)
    days.emplace_back(found->text(row, 0));
  return days;
}

} // namespace

result<void> walk(connection& db, const walk_range& range,
                  const std::function<bool(const stored_record&)>& visit) {
  const auto days = list_days(db);
  if (!days)
    return tl::unexpected(days.error());
  const auto sql = columns_of("records", "body::text") + " UNION ALL "
                   + columns_of("records_set_aside", "body") + " ORDER BY 1";
  // Without a journal of our own: an empty range, and all others.
  const auto base = range.source.value_or(0) << source_shift;
  const auto first = range.source ? std::max(range.after, base) + 1 : uint64_t{1};
  const auto last = range.source ? base + sequence_max : uint64_t{0};
  const parameters ids{std::to_string(first), std::to_string(last),
                       range.others ? "t" : "f",
                       std::to_string(range.source ? base + 1 : 1)};
  bool wanted = true;
  for (const auto& day : *days) {
    parameters with{day + " 00:00:00+00", day + " 24:00:00+00"};
    with.insert(with.end(), ids.begin(), ids.end());
    const auto visited = db.each("read the records", sql, with, [&](const answer& r) {
      wanted = visit({static_cast<uint64_t>(r.integer(0, 0)), r.text(0, 1),
                      r.integer(0, 2), r.text(0, 4), key_of_uuid(r.text(0, 3))});
      return wanted;
    });
    if (!visited || !wanted)
      return visited;
  }
  return {};
}

} // namespace weir::postgres

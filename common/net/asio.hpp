#pragma once

/// The parts of Asio this project is built on, and how failure reaches a coroutine: as the first
/// element of a tuple,
///
///     auto [ec, n] = co_await socket.async_read_some(buffer, net::use_nothrow);
///
/// Write each co_await as a statement of its own, with its arguments built on the lines above: GCC
/// 12 destroys brace-built aggregates and capturing lambdas in such a statement twice.

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

namespace cpu_monitor::net {

// NOLINTNEXTLINE(readability-identifier-naming): named after asio::use_awaitable
inline constexpr auto use_nothrow = asio::experimental::as_tuple(asio::use_awaitable);

}  // namespace cpu_monitor::net

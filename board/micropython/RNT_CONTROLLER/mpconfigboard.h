// SPDX-License-Identifier: Apache-2.0
// RNT controller: RP2350 on the terminal's main board. No USB device, no prompt, no threads, no network: an uncaught exception ends
// mute, and the watchdog, armed by the first import of hal.py, resets the chip.
#define MICROPY_HW_BOARD_NAME "RNT controller"

#define MICROPY_HW_ENABLE_USBDEV (0)
#define MICROPY_HW_ENABLE_UART_REPL (0) // with it machine.UART(0) panics
#define MICROPY_PY_THREAD (0)
#define MICROPY_PY_NETWORK (0)

// The link to the computer module: all four or none.
#define MICROPY_HW_UART0_TX (0)
#define MICROPY_HW_UART0_RX (1)
#define MICROPY_HW_UART0_CTS (2)
#define MICROPY_HW_UART0_RTS (3)

# QEMU's boards: processor options and memory. Sets BOARD_COMPILE_OPTIONS, BOARD_DEFINITIONS and BOARD_LINK_OPTIONS
# for BOARD. Memory maps are those of QEMU 7.2; only mps2 boards with the CMSDK timer count instructions.
set(BOARD_FOLDER ${CMAKE_CURRENT_LIST_DIR}/board)

function(board_memory rom_origin rom_length ram_origin ram_length)
  set(BOARD_LINK_OPTIONS
    -T${BOARD_FOLDER}/board.ld -nostartfiles
    -Wl,--defsym=ROM_ORIGIN=${rom_origin},--defsym=ROM_LENGTH=${rom_length}
    -Wl,--defsym=RAM_ORIGIN=${ram_origin},--defsym=RAM_LENGTH=${ram_length}
    PARENT_SCOPE)
endfunction()

set(BOARD_DEFINITIONS)
if(BOARD STREQUAL "mps2-an385")
  set(BOARD_COMPILE_OPTIONS -mthumb -mcpu=cortex-m3)
  set(BOARD_DEFINITIONS BOARD_TIMER=0x40000000)
  board_memory(0x00000000 4M 0x20000000 4M)
elseif(BOARD STREQUAL "mps2-an386")
  set(BOARD_COMPILE_OPTIONS -mthumb -mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard)
  set(BOARD_DEFINITIONS BOARD_TIMER=0x40000000)
  board_memory(0x00000000 4M 0x20000000 4M)
elseif(BOARD STREQUAL "mps2-an500")
  set(BOARD_COMPILE_OPTIONS -mthumb -mcpu=cortex-m7 -mfpu=fpv5-sp-d16 -mfloat-abi=hard)
  set(BOARD_DEFINITIONS BOARD_TIMER=0x40000000)
  board_memory(0x00000000 4M 0x20000000 4M)
elseif(BOARD STREQUAL "mps2-an505")
  set(BOARD_COMPILE_OPTIONS -mthumb -mcpu=cortex-m33 -mfpu=fpv5-sp-d16 -mfloat-abi=hard)
  board_memory(0x10000000 4M 0x38000000 4M)
elseif(BOARD STREQUAL "mps3-an547")
  set(BOARD_COMPILE_OPTIONS -mthumb -mcpu=cortex-m55 -mfloat-abi=hard -mfpu=auto)
  board_memory(0x00000000 512K 0x20000000 512K)
else()
  message(FATAL_ERROR "BOARD is '${BOARD}'; there are mps2-an385, mps2-an386, mps2-an500, mps2-an505 and mps3-an547")
endif()

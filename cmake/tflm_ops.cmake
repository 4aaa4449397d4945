# The ops against a real tflite-micro checkout, as firmware compiles them (TFLM_ROOT).
set(FLATBUFFERS_INCLUDE
  "${TFLM_ROOT}/tensorflow/lite/micro/tools/make/downloads/flatbuffers/include"
  CACHE PATH "folder that holds flatbuffers/flatbuffers.h")

function(require_header folder header remedy)
  if(NOT EXISTS "${folder}/${header}")
    message(FATAL_ERROR "${folder}/${header} does not exist. ${remedy}")
  endif()
endfunction()
require_header("${TFLM_ROOT}" tensorflow/lite/micro/micro_context.h
  "TFLM_ROOT must be the absolute path of a tflite-micro checkout.")
require_header("${FLATBUFFERS_INCLUDE}" flatbuffers/flatbuffers.h
  "Run TFLM's third_party_downloads make target in the checkout, or set FLATBUFFERS_INCLUDE.")

add_library(tinyprop_tflm_ops STATIC ${TINYPROP_TFLM_SOURCES})
target_include_directories(tinyprop_tflm_ops SYSTEM PUBLIC "${TFLM_ROOT}" "${FLATBUFFERS_INCLUDE}")
target_compile_definitions(tinyprop_tflm_ops PUBLIC TF_LITE_STATIC_MEMORY)
target_compile_options(tinyprop_tflm_ops PRIVATE ${TINYPROP_FIRMWARE_FLAGS})
target_link_libraries(tinyprop_tflm_ops PUBLIC tinyprop_core)

# Compiles what firmware writes: a call of the public header.
add_library(tinyprop_ops_header_check OBJECT tests/build/ops_header_check.cc)
target_compile_options(tinyprop_ops_header_check PRIVATE ${TINYPROP_FIRMWARE_FLAGS})
target_link_libraries(tinyprop_ops_header_check PRIVATE tinyprop_tflm_ops)

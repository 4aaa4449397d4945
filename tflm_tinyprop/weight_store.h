// Public header: keeps trained weights in flash through power cuts.
//
//   tinyprop::Storage storage = ...;   // the board's read, program, erase, sync and sizes
//   static uint8_t buffer[256];
//   tinyprop::WeightStore store;
//   status = store.Init(storage, {buffer, sizeof buffer});
//   status = trainer.Load(&store);     // at start; kNoRecord the first time
//   status = trainer.Save(&store);     // now and then, or in pieces: SaveBegin, SaveStep
#ifndef TFLM_TINYPROP_WEIGHT_STORE_H_
#define TFLM_TINYPROP_WEIGHT_STORE_H_

#include "cc/runtime/storage.h"
#include "cc/runtime/weight_store.h"
#include "tflm_tinyprop/version.h"

#endif  // TFLM_TINYPROP_WEIGHT_STORE_H_

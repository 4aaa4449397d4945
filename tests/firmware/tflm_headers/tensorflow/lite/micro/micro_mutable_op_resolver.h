// Stand-in: tests/firmware/tflm_headers/README.md.
#ifndef TFLM_STAND_IN_MICRO_MUTABLE_OP_RESOLVER_H_
#define TFLM_STAND_IN_MICRO_MUTABLE_OP_RESOLVER_H_

#include "tensorflow/lite/micro/micro_op_resolver.h"

TFLM_CC_BEGIN

template <unsigned int tOpCount>
class MicroMutableOpResolver : public MicroOpResolver {
 public:
  TfLiteStatus AddCustom(const char* name, const TFLMRegistration* registration) {
    if (count_ == tOpCount) return kTfLiteError;
    registrations_[count_] = *registration;
    registrations_[count_++].custom_name = name;
    return kTfLiteOk;
  }

  // The methods of TFLM of 2026-08-20.
#define TFLM_STAND_IN_ADD(name) \
  TfLiteStatus Add##name() { return count_++ == tOpCount ? kTfLiteError : kTfLiteOk; }
  TFLM_STAND_IN_ADD(Abs)
  TFLM_STAND_IN_ADD(Add)
  TFLM_STAND_IN_ADD(AddN)
  TFLM_STAND_IN_ADD(ArgMax)
  TFLM_STAND_IN_ADD(ArgMin)
  TFLM_STAND_IN_ADD(AssignVariable)
  TFLM_STAND_IN_ADD(AveragePool2D)
  TFLM_STAND_IN_ADD(BatchMatMul)
  TFLM_STAND_IN_ADD(BatchToSpaceNd)
  TFLM_STAND_IN_ADD(BroadcastArgs)
  TFLM_STAND_IN_ADD(BroadcastTo)
  TFLM_STAND_IN_ADD(CallOnce)
  TFLM_STAND_IN_ADD(Cast)
  TFLM_STAND_IN_ADD(Ceil)
  TFLM_STAND_IN_ADD(CircularBuffer)
  TFLM_STAND_IN_ADD(Concatenation)
  TFLM_STAND_IN_ADD(Conv2D)
  TFLM_STAND_IN_ADD(Cos)
  TFLM_STAND_IN_ADD(CumSum)
  TFLM_STAND_IN_ADD(Decode)
  TFLM_STAND_IN_ADD(Delay)
  TFLM_STAND_IN_ADD(DepthToSpace)
  TFLM_STAND_IN_ADD(DepthwiseConv2D)
  TFLM_STAND_IN_ADD(Dequantize)
  TFLM_STAND_IN_ADD(DetectionPostprocess)
  TFLM_STAND_IN_ADD(Div)
  TFLM_STAND_IN_ADD(DynamicUpdateSlice)
  TFLM_STAND_IN_ADD(Elu)
  TFLM_STAND_IN_ADD(EmbeddingLookup)
  TFLM_STAND_IN_ADD(Energy)
  TFLM_STAND_IN_ADD(Equal)
  TFLM_STAND_IN_ADD(EthosU)
  TFLM_STAND_IN_ADD(Exp)
  TFLM_STAND_IN_ADD(ExpandDims)
  TFLM_STAND_IN_ADD(FftAutoScale)
  TFLM_STAND_IN_ADD(Fill)
  TFLM_STAND_IN_ADD(FilterBank)
  TFLM_STAND_IN_ADD(FilterBankLog)
  TFLM_STAND_IN_ADD(FilterBankSpectralSubtraction)
  TFLM_STAND_IN_ADD(FilterBankSquareRoot)
  TFLM_STAND_IN_ADD(Floor)
  TFLM_STAND_IN_ADD(FloorDiv)
  TFLM_STAND_IN_ADD(FloorMod)
  TFLM_STAND_IN_ADD(Framer)
  TFLM_STAND_IN_ADD(FullyConnected)
  TFLM_STAND_IN_ADD(Gather)
  TFLM_STAND_IN_ADD(GatherNd)
  TFLM_STAND_IN_ADD(Greater)
  TFLM_STAND_IN_ADD(GreaterEqual)
  TFLM_STAND_IN_ADD(HardSwish)
  TFLM_STAND_IN_ADD(If)
  TFLM_STAND_IN_ADD(Irfft)
  TFLM_STAND_IN_ADD(L2Normalization)
  TFLM_STAND_IN_ADD(L2Pool2D)
  TFLM_STAND_IN_ADD(LeakyRelu)
  TFLM_STAND_IN_ADD(Less)
  TFLM_STAND_IN_ADD(LessEqual)
  TFLM_STAND_IN_ADD(Log)
  TFLM_STAND_IN_ADD(LogicalAnd)
  TFLM_STAND_IN_ADD(LogicalNot)
  TFLM_STAND_IN_ADD(LogicalOr)
  TFLM_STAND_IN_ADD(Logistic)
  TFLM_STAND_IN_ADD(LogSoftmax)
  TFLM_STAND_IN_ADD(Maximum)
  TFLM_STAND_IN_ADD(MaxPool2D)
  TFLM_STAND_IN_ADD(Mean)
  TFLM_STAND_IN_ADD(Minimum)
  TFLM_STAND_IN_ADD(MirrorPad)
  TFLM_STAND_IN_ADD(Mul)
  TFLM_STAND_IN_ADD(Neg)
  TFLM_STAND_IN_ADD(NotEqual)
  TFLM_STAND_IN_ADD(OverlapAdd)
  TFLM_STAND_IN_ADD(Pack)
  TFLM_STAND_IN_ADD(Pad)
  TFLM_STAND_IN_ADD(PadV2)
  TFLM_STAND_IN_ADD(PCAN)
  TFLM_STAND_IN_ADD(Prelu)
  TFLM_STAND_IN_ADD(Quantize)
  TFLM_STAND_IN_ADD(ReadVariable)
  TFLM_STAND_IN_ADD(ReduceAll)
  TFLM_STAND_IN_ADD(ReduceMax)
  TFLM_STAND_IN_ADD(ReduceMin)
  TFLM_STAND_IN_ADD(Relu)
  TFLM_STAND_IN_ADD(Relu6)
  TFLM_STAND_IN_ADD(Reshape)
  TFLM_STAND_IN_ADD(ResizeBilinear)
  TFLM_STAND_IN_ADD(ResizeNearestNeighbor)
  TFLM_STAND_IN_ADD(ReverseV2)
  TFLM_STAND_IN_ADD(Rfft)
  TFLM_STAND_IN_ADD(Round)
  TFLM_STAND_IN_ADD(Rsqrt)
  TFLM_STAND_IN_ADD(SelectV2)
  TFLM_STAND_IN_ADD(Shape)
  TFLM_STAND_IN_ADD(Sin)
  TFLM_STAND_IN_ADD(Slice)
  TFLM_STAND_IN_ADD(Softmax)
  TFLM_STAND_IN_ADD(SpaceToBatchNd)
  TFLM_STAND_IN_ADD(SpaceToDepth)
  TFLM_STAND_IN_ADD(Split)
  TFLM_STAND_IN_ADD(SplitV)
  TFLM_STAND_IN_ADD(Sqrt)
  TFLM_STAND_IN_ADD(Square)
  TFLM_STAND_IN_ADD(SquaredDifference)
  TFLM_STAND_IN_ADD(Squeeze)
  TFLM_STAND_IN_ADD(Stacker)
  TFLM_STAND_IN_ADD(StridedSlice)
  TFLM_STAND_IN_ADD(Sub)
  TFLM_STAND_IN_ADD(Sum)
  TFLM_STAND_IN_ADD(Svdf)
  TFLM_STAND_IN_ADD(Tanh)
  TFLM_STAND_IN_ADD(Transpose)
  TFLM_STAND_IN_ADD(TransposeConv)
  TFLM_STAND_IN_ADD(UnidirectionalSequenceLSTM)
  TFLM_STAND_IN_ADD(Unpack)
  TFLM_STAND_IN_ADD(VarHandle)
  TFLM_STAND_IN_ADD(While)
  TFLM_STAND_IN_ADD(Window)
  TFLM_STAND_IN_ADD(ZerosLike)
#undef TFLM_STAND_IN_ADD

 private:
  TFLMRegistration registrations_[tOpCount] = {};
  unsigned int count_ = 0;
};

TFLM_CC_END

#endif  // TFLM_STAND_IN_MICRO_MUTABLE_OP_RESOLVER_H_

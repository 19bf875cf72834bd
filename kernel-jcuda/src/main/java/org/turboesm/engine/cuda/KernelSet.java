package org.turboesm.engine.cuda;

import java.util.LinkedHashSet;
import java.util.Set;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.KernelLibrary;
import org.turboesm.cuda.KernelVariant;
import org.turboesm.engine.Precision;
import org.turboesm.esm2.EsmConfig;

/** All kernels of one model's sizes and precision, loaded. */
final class KernelSet implements AutoCloseable {
  private final KernelLibrary library;
  private final EmbeddingKernels embedding;
  private final LayerNormKernels layerNorm;
  private final GeluKernels gelu;
  private final QuantizeKernels quantize;
  private final QkvKernels qkv;
  private final AppendKernels append;
  private final UnpackKernels unpack;
  private final PrefillAttentionKernels prefill;
  private final FullDecodeKernels fullDecode;
  private final PackedDecodeKernels packedDecode;
  private final PoolingKernels pooling;
  private final FidelityKernels fidelity;
  private final LayerNormKernels headNorm;
  private final GeluKernels headGelu;

  KernelSet(CudaContext context, EsmConfig config, Precision storage) {
    int hidden = config.hiddenSize();
    int headDim = config.headDim();
    library = new KernelLibrary(context);
    try {
      embedding = new EmbeddingKernels(library);
      layerNorm = new LayerNormKernels(library, storage, hidden);
      gelu = new GeluKernels(library, storage, config.intermediateSize());
      quantize = storage == Precision.INT8 ? new QuantizeKernels(library, hidden) : null;
      qkv = new QkvKernels(library, storage, headDim);
      append = new AppendKernels(library, storage, headDim);
      unpack = new UnpackKernels(library, storage, headDim);
      prefill = new PrefillAttentionKernels(library, storage, headDim);
      fullDecode = new FullDecodeKernels(library, storage, headDim);
      packedDecode = new PackedDecodeKernels(library, headDim);
      pooling = new PoolingKernels(library);
      fidelity = new FidelityKernels(library);
      headNorm = new LayerNormKernels(library, Precision.F32, hidden);
      headGelu = new GeluKernels(library, Precision.F32, hidden);
    } catch (RuntimeException e) {
      library.close();
      throw e;
    }
  }

  /** What is compiled for a model. */
  static Set<KernelVariant> variants(EsmConfig config, Precision storage) {
    int hidden = config.hiddenSize();
    int headDim = config.headDim();
    Set<KernelVariant> variants = new LinkedHashSet<>();
    variants.add(EmbeddingKernels.variant());
    variants.add(LayerNormKernels.variant(storage, hidden));
    variants.add(GeluKernels.variant(storage, config.intermediateSize()));
    if (storage == Precision.INT8) {
      variants.add(QuantizeKernels.variant(hidden));
    }
    variants.add(QkvKernels.variant(storage, headDim));
    variants.add(AppendKernels.variant(storage, headDim));
    variants.add(UnpackKernels.variant(storage, headDim));
    variants.add(PrefillAttentionKernels.variant(storage, headDim));
    variants.add(FullDecodeKernels.variant(storage, headDim));
    variants.add(PackedDecodeKernels.variant(headDim));
    variants.add(PoolingKernels.variant());
    variants.add(FidelityKernels.variant());
    variants.add(LayerNormKernels.variant(Precision.F32, hidden));
    variants.add(GeluKernels.variant(Precision.F32, hidden));
    return variants;
  }

  /** What this one has compiled. */
  Set<KernelVariant> loaded() {
    return library.variants();
  }

  EmbeddingKernels embedding() {
    return embedding;
  }

  LayerNormKernels layerNorm() {
    return layerNorm;
  }

  GeluKernels gelu() {
    return gelu;
  }

  /** Null but for int8. */
  QuantizeKernels quantize() {
    return quantize;
  }

  QkvKernels qkv() {
    return qkv;
  }

  AppendKernels append() {
    return append;
  }

  UnpackKernels unpack() {
    return unpack;
  }

  PrefillAttentionKernels prefill() {
    return prefill;
  }

  FullDecodeKernels fullDecode() {
    return fullDecode;
  }

  PackedDecodeKernels packedDecode() {
    return packedDecode;
  }

  PoolingKernels pooling() {
    return pooling;
  }

  FidelityKernels fidelity() {
    return fidelity;
  }

  /** The language-model head's LayerNorm, in floats. */
  LayerNormKernels headNorm() {
    return headNorm;
  }

  /** The language-model head's GELU and biases, in floats. */
  GeluKernels headGelu() {
    return headGelu;
  }

  @Override
  public void close() {
    library.close();
  }
}

package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.CudaDriver;
import org.turboesm.engine.Precision;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmTokenizer;

@Tag("cuda")
class KernelSetTest {
  /** The suite cubin compiles what {@link KernelSet#variants} names, and takes it for all. */
  @ParameterizedTest
  @EnumSource(names = {"F32", "BF16", "INT8"})
  void itsVariantsAreWhatItCompiles(Precision storage) {
    EsmConfig config =
        new EsmConfig(1, 32, 2, 128, EsmTokenizer.VOCABULARY_SIZE, 1e-5f, 10000f, true, true);
    try (CudaContext context = CudaContext.open(CudaDriver.get().device(0));
        KernelSet kernels = new KernelSet(context, config, storage)) {
      assertThat(kernels.loaded()).isEqualTo(KernelSet.variants(config, storage));
    }
  }
}

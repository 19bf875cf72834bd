package org.turboesm.engine;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Collections;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.turboesm.TurboEsmException;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.RandomEsmModel;
import org.turboesm.kv.KvCodec;
import org.turboesm.kv.RandomCodec;

class HostEngineTest {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({"1,2,16", "3,2,16", "2,1,16", "2,3,16", "2,2,8", "2,4,8", "0,0,0"})
  void codecOfOtherSizesIsRefused(int layers, int heads, int headDim) {
    KvCodec codec =
        new KvCodec(
            Collections.nCopies(layers, Collections.nCopies(heads, RandomCodec.identity(headDim))),
            true);

    try (EsmWeights weights =
            EsmWeights.open(RandomEsmModel.of(RandomEsmModel.config(2, 2, 16), 1).write(folder));
        EsmEngine engine = EsmEngines.open("reference", "f32", weights)) {
      assertThatThrownBy(() -> engine.turbo(codec))
          .isInstanceOf(TurboEsmException.class)
          .hasMessage(
              "the codec's "
                  + layers
                  + " layers do not have the model's sizes (2 layers of 2 heads of 16 channels); it"
                  + " was calibrated for another model");
    }
  }
}

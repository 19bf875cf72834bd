package org.turboesm.engine.cuda;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.turboesm.engine.RandomProteins;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.RandomEsmModel;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;
import org.turboesm.kv.RandomCodec;

/** A random model that an emulated device runs in no time, and proteins and codecs for it. */
final class SmallModel {
  static final long SEED = 20260606;
  static final EsmConfig CONFIG = RandomEsmModel.config(2, 2, 24);

  private SmallModel() {}

  /** Writes the model to a folder and opens it. */
  static EsmWeights weights(Path folder) {
    return EsmWeights.open(RandomEsmModel.of(CONFIG, SEED).write(folder));
  }

  /** Random proteins, the same for the same lengths. */
  static TokenBatch batch(int... lengths) {
    SplittableRandom random = new SplittableRandom(SEED);
    return TokenBatch.of(
        Arrays.stream(lengths).mapToObj(length -> RandomProteins.tokens(random, length)).toList());
  }

  /** A random codec of all code widths. */
  static KvCodec codec() {
    SplittableRandom random = new SplittableRandom(SEED);
    List<List<HeadCodec>> layers = new ArrayList<>();
    for (int l = 0; l < CONFIG.layers(); l++) {
      List<HeadCodec> heads = new ArrayList<>();
      for (int h = 0; h < CONFIG.heads(); h++) {
        heads.add(
            RandomCodec.head(
                random,
                RandomCodec.bits(random, CONFIG.headDim()),
                RandomCodec.bits(random, CONFIG.headDim())));
      }
      layers.add(heads);
    }
    return new KvCodec(layers, true);
  }
}

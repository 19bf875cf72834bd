package org.turboesm.kv;

import java.io.Serializable;
import java.util.List;
import org.turboesm.TurboEsmException;
import org.turboesm.esm2.EsmConfig;

/**
 * The codec of a whole model.
 *
 * @param heads a codec for each layer and head
 * @param tail whether, in decode, the tokens of an unfilled block wait in full precision until it
 *     fills (as KIVI does); without, every token is packed as it comes
 */
public record KvCodec(List<List<HeadCodec>> heads, boolean tail) implements Serializable {
  public KvCodec {
    heads = heads.stream().map(List::copyOf).toList();
  }

  public int layers() {
    return heads.size();
  }

  /**
   * Checks that the codec has a model's sizes.
   *
   * @throws TurboEsmException if it was calibrated for another model
   */
  public void requireFit(EsmConfig config) {
    boolean fits = layers() == config.layers();
    for (List<HeadCodec> layer : heads) {
      fits &= layer.size() == config.heads();
      fits &= layer.stream().allMatch(head -> head.headDim() == config.headDim());
    }
    if (!fits) {
      throw new TurboEsmException(
          "the codec's "
              + layers()
              + " layers do not have the model's sizes ("
              + config.layers()
              + " layers of "
              + config.heads()
              + " heads of "
              + config.headDim()
              + " channels); it was calibrated for another model");
    }
  }

  public HeadCodec head(int layer, int head) {
    return heads.get(layer).get(head);
  }

  /** Bits that one token takes in all layers and heads. */
  public long packedBitsPerToken() {
    return heads.stream()
        .flatMap(List::stream)
        .mapToLong(h -> h.layout().packedBitsPerToken())
        .sum();
  }

  /** What tables and transforms weigh beside the caches, once an engine. */
  public long tableBytes() {
    return heads.stream().flatMap(List::stream).mapToLong(HeadCodec::tableBytes).sum();
  }
}

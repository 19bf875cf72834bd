package org.turboesm.kv;

import java.io.Serializable;
import java.util.List;

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

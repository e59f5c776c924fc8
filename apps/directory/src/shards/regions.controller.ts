import { Controller } from '@nestjs/common';
import { Operation } from '../contract.ts';
import { ShardsService } from './shards.service.ts';

@Controller()
export class RegionsController {
  constructor(private readonly shards: ShardsService) {}

  @Operation('ListRegions')
  list() {
    return this.shards.regions.map(({ id, name, description }) => ({
      id,
      name,
      dataLocation: description,
      shards: this.shards.openIn(id).map((shard) => shard.id),
    }));
  }
}

import { costFigures } from './cost-figures.ts';

describe('the cost of a workload', () => {
  it('is the best of the rounds with the agent over the best without', () => {
    const samples = { bare: [300, 200, 1000], watched: [500, 250, 400] };
    expect(costFigures('untar', 'ms', samples)).toEqual({
      name: 'untar',
      unit: 'ms',
      bare: 200,
      watched: 250,
      added: 50,
      ratio: 1.25,
    });
  });

  it('is not a number when it was not measured', () => {
    expect(costFigures('untar', 'ms', { bare: [], watched: [] }).ratio).toBeNaN();
  });
});
